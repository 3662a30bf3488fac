-- The events of a stream up to the cursor are done with: delivered, or not asked for.
-- Uses: clock hash webhook
-- KEYS: webhook
-- ARGV: fence stream cursor delivered leaseMs now
-- Reply: 'lost' | 'kept'
-- `delivered`: how many of them were, 0 or 1.
local now = clock()
if not isOwner(readHash(K.webhook)) then return { 'lost' } end
moveOn(A.stream, A.cursor)
delivered(tonumber(A.delivered), now)
extend(now)
return { 'kept' }
