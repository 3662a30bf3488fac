-- Notes which rules of time zones a process has, and tells which ones were noted lately.
-- Uses: clock digits
-- KEYS: zoneRules
-- ARGV: rules keptMs now
-- Whole: keptMs now?
-- Reply: noted rules
-- `rules`: those of every process that noted its own within `keptMs`

local now = clock()
redis.call('ZREMRANGEBYSCORE', K.zoneRules, '-inf', digits(now - A.keptMs))
redis.call('ZREMRANGEBYSCORE', K.zoneRules, digits(now + 1), '+inf')
redis.call('ZADD', K.zoneRules, digits(now), A.rules)
redis.call('PEXPIRE', K.zoneRules, A.keptMs)
return R.noted { rules = redis.call('ZRANGE', K.zoneRules, 0, -1) }
