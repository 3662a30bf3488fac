-- Gives whoever is next a permit, unless as many as may run do already.
-- Uses: clock
-- KEYS: permits waiting turns
-- ARGV: permit most permitMs now
-- Whole: most permitMs now?
-- Reply: granted id
-- Reply: full running waiting
-- Reply: none
-- A resent command gives a second permit, which nobody renews: it runs out, and the sweep finds its workspace.

local now = clock()
redis.call('ZREMRANGEBYSCORE', K.permits, '-inf', now)
-- Given before the clock was set back: who has one renews it by then.
local longest = now + tonumber(A.permitMs)
for _, permit in ipairs(redis.call('ZRANGE', K.permits, '(' .. string.format('%d', longest), '+inf', 'BYSCORE')) do
  redis.call('ZADD', K.permits, longest, permit)
end
local running = redis.call('ZCARD', K.permits)
local waiting = redis.call('ZCARD', K.waiting)
if waiting == 0 then return R.none() end
if running >= tonumber(A.most) then return R.full { running = running, waiting = waiting } end
local id, turn = unpack(redis.call('ZPOPMIN', K.waiting))
if waiting == 1 then redis.call('DEL', K.turns) else redis.call('HSET', K.turns, 'now', turn) end
redis.call('ZADD', K.permits, now + tonumber(A.permitMs), A.permit)
redis.call('PEXPIRE', K.permits, A.permitMs)
return R.granted { id = id }
