-- The events of a stream up to the cursor are done with: delivered, or not asked for.
-- Uses: clock hash webhook
-- KEYS: webhook
-- ARGV: fence stream cursor delivered leaseMs now
-- Whole: stream leaseMs now?
-- Reply: lost
-- Reply: kept
local now = clock()
if not isOwner(readHash(K.webhook)) then return R.lost() end
redis.call('HSET', K.webhook, 'cursor:' .. A.stream, A.cursor)
if A.delivered == 'true' then
  redis.call('HINCRBY', K.webhook, 'delivered', 1)
  redis.call('HSET', K.webhook, 'lastDeliveredAt', now)
  redis.call('HDEL', K.webhook, unpack(FAILURE))
end
extend(now)
return R.kept()
