-- Notes what a member's restart is known by: the trigger that asked for it. Fenced.
-- Uses: clock hash rollout
-- KEYS: rollout members
-- ARGV: fence leaseMs workspace member now
-- Whole: leaseMs now?
-- `member`: JSON; it keeps its first startedAt
-- Reply: noted
-- Reply: lost

local now = clock()
local rollout = readHash(K.rollout)
if not isDriver(rollout, now) then return R.lost() end
local known = redis.call('HGET', K.members, A.workspace)
local member = cjson.decode(A.member)
member.startedAt = known and cjson.decode(known).startedAt or now
redis.call('HSET', K.members, A.workspace, cjson.encode(member))
return R.noted()
