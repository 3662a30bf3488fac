-- Keeps the lease, and tells how the webhook stands now.
-- Uses: clock hash webhook
-- KEYS: webhook
-- ARGV: fence leaseMs now
-- Whole: leaseMs now?
-- Reply: lost
-- Reply: disabled
-- Reply: kept now webhook
-- `webhook`: its fields, a flat list
local now = clock()
local hook = readHash(K.webhook)
if not isOwner(hook) then return R.lost() end
if hook.disabledAt then return R.disabled() end
dropPreviousSecret(hook, now)
extend(now)
return R.kept { now = now, webhook = redis.call('HGETALL', K.webhook) }
