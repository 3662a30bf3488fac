-- Makes the caller the one who advances a rollout, for a lease; again, it prolongs it.
-- Uses: clock hash rollout
-- KEYS: rollout running active
-- ARGV: id owner leaseMs now
-- Whole: leaseMs now?
-- Reply: claimed fence rollout
-- Reply: busy busyUntil
-- Reply: resting
-- `rollout`: its fields, a flat list. `resting`: nothing to do: it is over, gone, or paused with nothing under way

local now = clock()
local rollout = readHash(K.rollout)
local isPrepared = rollout.prepared ~= nil
if not rollout.state or isOver(rollout)
  or (rollout.state == 'paused' and isPrepared and redis.call('SCARD', K.running) == 0) then
  redis.call('SREM', K.active, A.id)
  return R.resting()
end
cutTo(rollout, 'driverUntil', now + tonumber(A.leaseMs))
if rollout.driver ~= A.owner then
  if numberOf(rollout, 'driverUntil') > now then return R.busy { busyUntil = numberOf(rollout, 'driverUntil') } end
  set(rollout, { driver = A.owner, fence = numberOf(rollout, 'fence') + 1 })
end
set(rollout, { driverUntil = now + tonumber(A.leaseMs) })
return R.claimed { fence = tonumber(rollout.fence), rollout = redis.call('HGETALL', K.rollout) }
