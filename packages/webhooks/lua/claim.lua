-- Takes the lease on a webhook's deliveries.
-- Uses: clock hash webhook
-- KEYS: webhook
-- ARGV: owner leaseMs now
-- Whole: leaseMs now?
-- Reply: unknown
-- Reply: disabled
-- Reply: busy leaseEndsInMs
-- Reply: claimed fence now webhook
-- `webhook`: its fields, a flat list
local now = clock()
local hook = readHash(K.webhook)
if not hook.url then return R.unknown() end
if hook.disabledAt then return R.disabled() end
-- A lease that was taken before the clock was set back ends as soon as one that is taken now.
local longest = now + tonumber(A.leaseMs)
if hook.leaseEndsAt and tonumber(hook.leaseEndsAt) > longest then
  hook.leaseEndsAt = longest
  redis.call('HSET', K.webhook, 'leaseEndsAt', longest)
end
if hook.leaseEndsAt and tonumber(hook.leaseEndsAt) > now then return R.busy { leaseEndsInMs = tonumber(hook.leaseEndsAt) - now } end
-- Rises also when a failover forgot the last one, or the webhook was removed and came back.
local fence = string.format('%d', math.max((tonumber(hook.fence) or 0) + 1, now))
redis.call('HSET', K.webhook, 'owner', A.owner, 'fence', fence)
dropPreviousSecret(hook, now)
extend(now)
return R.claimed { fence = fence, now = now, webhook = redis.call('HGETALL', K.webhook) }
