-- The receipts of requests that carried an idempotency key, for a day: a hash, `<caller> <key>` to the receipt, and the order
-- in which each caller's came, `<caller> <time> <key>` in a sorted set without scores. Each caller has a number of its own, so
-- that nobody's receipts are pushed out by somebody else.
local RECEIPTS_KEPT_MS = 24 * 60 * 60 * 1000
local RECEIPTS_KEPT = 1000

-- The record of a key that was used before: `body` and `receipt`.
local function receiptUnder(caller, key, now)
  local kept = redis.call('HGET', K.idempotency, caller .. ' ' .. key)
  local record = kept and cjson.decode(kept)
  return record and record.at + RECEIPTS_KEPT_MS > now and record or nil
end

local function keepReceipt(caller, key, record, now)
  local field = caller .. ' ' .. key
  local before = redis.call('HGET', K.idempotency, field)
  if before then
    local at = string.format('%016.0f', cjson.decode(before).at)
    redis.call('ZREM', K.idempotencyOrder, caller .. ' ' .. at .. ' ' .. key)
  end
  local from, to = '[' .. caller .. ' ', '(' .. caller .. '!'
  local count = redis.call('ZLEXCOUNT', K.idempotencyOrder, from, to)
  -- What is over goes a few at a time, so that no call pays for all.
  for _, member in ipairs(redis.call('ZRANGEBYLEX', K.idempotencyOrder, from, to, 'LIMIT', 0, 4)) do
    local time, old = member:sub(#caller + 2):match('^(%d+) (.*)$')
    if tonumber(time) + RECEIPTS_KEPT_MS > now and count < RECEIPTS_KEPT then break end
    redis.call('ZREM', K.idempotencyOrder, member)
    redis.call('HDEL', K.idempotency, caller .. ' ' .. old)
    count = count - 1
  end
  record.at = now
  redis.call('HSET', K.idempotency, field, cjson.encode(record))
  redis.call('ZADD', K.idempotencyOrder, 0, caller .. ' ' .. string.format('%016.0f', now) .. ' ' .. key)
  redis.call('PEXPIRE', K.idempotency, RECEIPTS_KEPT_MS)
  redis.call('PEXPIRE', K.idempotencyOrder, RECEIPTS_KEPT_MS)
end
