-- Takes the lease on a webhook's deliveries.
-- Uses: clock hash webhook
-- KEYS: webhook
-- ARGV: owner leaseMs now
-- Reply: 'unknown' | 'disabled' | 'busy' ms until its lease ends | 'claimed' fence now field value …
local now = clock()
local hook = readHash(K.webhook)
if not hook.url then return { 'unknown' } end
if hook.disabledAt then return { 'disabled' } end
if hook.leaseEndsAt and tonumber(hook.leaseEndsAt) > now then return { 'busy', tonumber(hook.leaseEndsAt) - now } end
-- Rises also when a failover forgot the last one, or the webhook was removed and came back.
local fence = string.format('%d', math.max((tonumber(hook.fence) or 0) + 1, now))
redis.call('HSET', K.webhook, 'owner', A.owner, 'fence', fence)
dropPreviousSecret(hook, now)
extend(now)
return { 'claimed', fence, now, unpack(redis.call('HGETALL', K.webhook)) }
