-- Uses: digits
local RECENT_KEPT = 100000

-- A resent command finds its first answer. `recent` is the base of a name, the minute comes on top: both buckets that are
-- read lie in the same slot.
local function recallAnswer(nonce, now)
  if nonce == '' then return nil end
  local minute = math.floor(now / 60000)
  return redis.call('HGET', K.recent .. ':' .. digits(minute), nonce)
    or redis.call('HGET', K.recent .. ':' .. digits(minute - 1), nonce)
end

local function keepAnswer(nonce, answer, now)
  if nonce == '' then return end
  local bucket = K.recent .. ':' .. digits(math.floor(now / 60000))
  if redis.call('HLEN', bucket) < RECENT_KEPT then redis.call('HSET', bucket, nonce, answer) end
  redis.call('PEXPIRE', bucket, 120000)
end
