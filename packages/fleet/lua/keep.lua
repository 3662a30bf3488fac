-- Renews a permit. One that ran out is given again: its cycle runs, and counts.
-- Uses: clock
-- KEYS: permits
-- ARGV: permit permitMs now
-- Whole: permitMs now?
-- Reply: kept expiresAt

local expiresAt = clock() + tonumber(A.permitMs)
redis.call('ZADD', K.permits, expiresAt, A.permit)
redis.call('PEXPIRE', K.permits, A.permitMs)
return R.kept { expiresAt = expiresAt }
