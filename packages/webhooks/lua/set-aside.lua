-- Events that are not taken, although others are, are set aside: they are listed and no longer in the way.
-- Uses: clock hash webhook
-- KEYS: webhook aside
-- ARGV: fence stream cursor events delivered most leaseMs now
-- Whole: stream delivered most leaseMs now?
-- Reply: lost
-- Reply: kept
-- `events`: JSON, a list of texts, one each. `delivered`: how many up to the cursor were. `most` are kept, the latest.
local now = clock()
if not isOwner(readHash(K.webhook)) then return R.lost() end
local events = cjson.decode(A.events)
for _, event in ipairs(events) do redis.call('ZADD', K.aside, now, event) end
redis.call('ZREMRANGEBYRANK', K.aside, 0, -tonumber(A.most) - 1)
redis.call('HINCRBY', K.webhook, 'setAside', #events)
moveOn(A.stream, A.cursor)
delivered(tonumber(A.delivered), now)
extend(now)
return R.kept()
