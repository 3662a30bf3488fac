-- Keeps the lease, and tells how the webhook stands now.
-- Uses: clock hash webhook
-- KEYS: webhook
-- ARGV: fence leaseMs now
-- Reply: 'lost' | 'disabled' | 'kept' now field value …
local now = clock()
local hook = readHash(K.webhook)
if not isOwner(hook) then return { 'lost' } end
if hook.disabledAt then return { 'disabled' } end
dropPreviousSecret(hook, now)
extend(now)
return { 'kept', now, unpack(redis.call('HGETALL', K.webhook)) }
