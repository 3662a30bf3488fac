-- The events of a stream up to the cursor are done with: delivered, or not asked for.
-- Uses: clock hash webhook
-- KEYS: webhook
-- ARGV: fence stream cursor delivered leaseMs now
-- Whole: stream delivered leaseMs now?
-- Reply: lost
-- Reply: kept
-- `delivered`: how many of them were, 0 or 1.
local now = clock()
if not isOwner(readHash(K.webhook)) then return R.lost() end
moveOn(A.stream, A.cursor)
delivered(tonumber(A.delivered), now)
extend(now)
return R.kept()
