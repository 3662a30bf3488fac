-- Takes it upon a worker to schedule anew what is owed on a shard, or keeps that up, where somebody asked for it.
-- Uses: clock hash digits
-- KEYS: rescheduling
-- ARGV: owner leaseMs settleMs now
-- Whole: leaseMs settleMs now?
-- Reply: nothing
-- Reply: later
-- Reply: busy
-- Reply: yours askedAt
-- `later`: processes exchange their policies one after another, and nobody may have asked for `settleMs`
-- `busy`: another worker does it, and was heard of within `leaseMs`

local now = clock()
local asked = readHash(K.rescheduling)
if not asked.askedAt then return R.nothing() end
-- A clock that was set back keeps nobody waiting for longer than these times.
local function isWithin(since, ms) return since and now >= tonumber(since) and now < since + ms end
if asked.owner ~= A.owner then
  if isWithin(asked.heardAt, A.leaseMs) then return R.busy() end
  if isWithin(asked.askedAt, A.settleMs) then return R.later() end
end
redis.call('HSET', K.rescheduling, 'owner', A.owner, 'heardAt', digits(now))
return R.yours { askedAt = asked.askedAt }
