-- The next events of some streams were not taken: they are tried again later, or, after long enough, no more.
-- Uses: clock hash webhook
-- KEYS: webhook
-- ARGV: fence streams error delayMs giveUpMs isGone leaseMs now
-- Whole: delayMs giveUpMs leaseMs now?
-- Reply: lost
-- Reply: retry
-- Reply: disabled reason
-- `streams`: JSON, their numbers.
local now = clock()
local hook = readHash(K.webhook)
if not isOwner(hook) then return R.lost() end
local since = math.min(tonumber(hook.failingSince) or now, now)
local attempts = redis.call('HINCRBY', K.webhook, 'attempts', 1)
redis.call('HSET', K.webhook, 'failingSince', since, 'lastError', A.error)
for _, stream in ipairs(cjson.decode(A.streams)) do redis.call('HSETNX', K.webhook, 'stuck:' .. stream, now) end

local reason = nil
if A.isGone == 'true' then reason = 'the endpoint says that it is gone: ' .. A.error
elseif now + tonumber(A.delayMs) - since > tonumber(A.giveUpMs) then
  reason = 'given up after ' .. attempts .. ' attempts: ' .. A.error
end
if reason then
  redis.call('HSET', K.webhook, 'disabledAt', now, 'disabledReason', reason)
  redis.call('HDEL', K.webhook, 'owner', 'leaseEndsAt', 'retryAt')
  return R.disabled { reason = reason }
end
redis.call('HSET', K.webhook, 'retryAt', now + tonumber(A.delayMs))
extend(now)
return R.retry()
