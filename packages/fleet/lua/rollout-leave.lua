-- Lets another advance the rollout at once.
-- KEYS: rollout
-- ARGV: fence
-- Reply: left
-- Reply: lost

if redis.call('HGET', K.rollout, 'fence') ~= A.fence then return R.lost() end
redis.call('HDEL', K.rollout, 'driver', 'driverUntil')
return R.left()
