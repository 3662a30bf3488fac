-- Creates a rollout, once.
-- Uses: clock rollout
-- KEYS: rollout order members running rollouts active events
-- ARGV: id fields ids mostActive owner leaseMs now
-- Whole: mostActive leaseMs now?
-- `owner`: who builds the list of members, if a selector finds them; '' = whoever comes first
-- `fields`: JSON object of strings, as asked; `ids`: JSON list of its members, or '' when a selector finds them
-- Reply: created
-- Reply: exists isSame
-- Reply: too-many active
-- Events: ROLLOUT_STARTED, ROLLOUT_FINISHED (nobody to restart)

local now = clock()
local fields = cjson.decode(A.fields)
local body = redis.call('HGET', K.rollout, 'body')
if body then return R.exists { isSame = body == fields.body and 1 or 0 } end
local active = redis.call('SCARD', K.active)
if active >= tonumber(A.mostActive) then return R['too-many'] { active = active } end

local rollout = {}
set(rollout, fields)
set(rollout, { state = 'preparing', createdAt = now })
redis.call('ZADD', K.rollouts, now, A.id)
redis.call('SADD', K.active, A.id)
if A.ids ~= '' then
  for place, workspace in ipairs(cjson.decode(A.ids)) do redis.call('ZADD', K.order, 'NX', place, workspace) end
  start(rollout, now)
elseif A.owner ~= '' then
  set(rollout, { driver = A.owner, fence = 1, driverUntil = now + tonumber(A.leaseMs) })
end
return R.created()
