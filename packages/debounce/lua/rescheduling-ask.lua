-- Asks that what is owed on a shard be scheduled anew: the caller has other policies than before.
-- Uses: clock digits
-- KEYS: rescheduling
-- ARGV: now
-- Whole: now?
-- Reply: asked

redis.call('HSET', K.rescheduling, 'askedAt', digits(clock()))
return R.asked()
