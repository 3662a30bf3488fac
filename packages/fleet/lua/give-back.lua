-- Gives a permit back.
-- KEYS: permits
-- ARGV: permit
-- Reply: returned

redis.call('ZREM', K.permits, A.permit)
return R.returned()
