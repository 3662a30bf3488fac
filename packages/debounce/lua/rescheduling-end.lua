-- Ends what a worker took upon itself; what was asked for meanwhile is to be done again.
-- Uses: hash
-- KEYS: rescheduling
-- ARGV: owner askedAt
-- Whole: askedAt
-- Reply: ended

local asked = readHash(K.rescheduling)
if asked.owner == A.owner then
  if asked.askedAt == A.askedAt then redis.call('DEL', K.rescheduling) else redis.call('HDEL', K.rescheduling, 'owner', 'heardAt') end
end
return R.ended()
