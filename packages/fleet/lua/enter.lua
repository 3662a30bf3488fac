-- Queues a workspace up for its turn. One that waits already keeps its place.
-- KEYS: waiting turns
-- ARGV: id tenant keepMs
-- Whole: keepMs
-- Reply: entered
-- Reply: waiting
-- The turns of one tenant come one after the other, those of different tenants side by side: whoever has a thousand
-- workspaces waiting is served as often as whoever has one. `waiting`: workspace → number of its turn. `turns`:
-- 't:<tenant>' → the last turn given to the tenant, 'now' → the turn that was served last.

if redis.call('ZSCORE', K.waiting, A.id) then return R.waiting() end
local served, last = unpack(redis.call('HMGET', K.turns, 'now', 't:' .. A.tenant))
local turn = math.max(tonumber(served or 0), tonumber(last or 0)) + 1
redis.call('HSET', K.turns, 't:' .. A.tenant, turn)
redis.call('ZADD', K.waiting, turn, A.id)
-- All of it is found again by the sweep: nothing need outlive a fleet that stands still.
redis.call('PEXPIRE', K.turns, A.keepMs)
redis.call('PEXPIRE', K.waiting, A.keepMs)
return R.entered()
