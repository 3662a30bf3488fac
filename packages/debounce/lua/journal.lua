-- Writes the cycle's next step before its side effect, fenced; extends the lease as well.
-- Uses: clock
-- KEYS: state due journal
-- ARGV: id fence leaseMs journal steps now
-- Whole: leaseMs now?
-- `steps`: JSON of what the attempt did so far; '' = nothing yet
-- Reply: held leaseEndsAt stopAsked
-- Reply: lost

local now = clock()
local fields = redis.call('HMGET', K.state, 'fence', 'owner', 'stopAsked', 'cycle')
if fields[1] ~= A.fence or not fields[2] then return R.lost() end
local leaseEndsAt = now + tonumber(A.leaseMs)
redis.call('SET', K.journal, A.journal)
redis.call('HSET', K.state, 'leaseEndsAt', leaseEndsAt, 'journalOf', fields[4])
if A.steps ~= '' then redis.call('HSET', K.state, 'steps', A.steps) end
redis.call('ZADD', K.due, leaseEndsAt, A.id)
return R.held { leaseEndsAt = leaseEndsAt, stopAsked = fields[3] and 1 or 0 }
