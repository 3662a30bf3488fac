-- Finds workspaces that are due and have no live worker. Bounded: at most `count` entries are looked at.
-- Uses: clock phase-bands set-back events digits
-- KEYS: due hinted phases clock rescheduling events
-- ARGV: offset count rehintMs now
-- Whole: offset count rehintMs now?
-- Reply: swept looked due now setBackMs
-- `looked` < `count`: this was the last batch. `due`: id, due time and hint id of each in turn
-- What was hinted is remembered beside the due time for `rehintMs`, so as not to hint it again every pass.
-- `setBackMs`: by how much the clock was set back since the last sweep; then all that waits is scheduled anew
-- Events: CLOCK_SET_BACK

local now = clock()
-- The highest time that this shard has seen.
local highest, setBackMs = tonumber(redis.call('GET', K.clock) or nil), 0
if not highest or now > highest then
  redis.call('SET', K.clock, digits(now))
elseif highest - now >= SET_BACK_BY then
  setBackMs = highest - now
  redis.call('SET', K.clock, digits(now))
  redis.call('HSET', K.rescheduling, 'askedAt', digits(now))
  emitToStream('', 'CLOCK_SET_BACK', now, { highestAt = highest, byMs = setBackMs })
end
redis.call('ZREMRANGEBYSCORE', K.hinted, '-inf', now - A.rehintMs)
-- Hinted before the clock was set back.
redis.call('ZREMRANGEBYSCORE', K.hinted, digits(now + 1), '+inf')
-- A hold that ran out with nothing owed: nobody looks at the workspace, so nobody else takes it out.
local heldThenIdle = BANDS['held, then idle, not due'] * BAND
redis.call('ZREMRANGEBYSCORE', K.phases, digits(heldThenIdle), digits(heldThenIdle + now))
local due = redis.call('ZRANGE', K.due, '-inf', now, 'BYSCORE', 'LIMIT', A.offset, A.count, 'WITHSCORES')
local found = {}
for i = 1, #due, 2 do
  local id, dueAt = due[i], tonumber(due[i + 1])
  local hintedAt = tonumber(redis.call('ZSCORE', K.hinted, id) or nil)
  if not hintedAt or hintedAt < dueAt then
    redis.call('ZADD', K.hinted, digits(now), id)
    found[#found + 1] = id
    found[#found + 1] = dueAt
    found[#found + 1] = 's' .. digits(now)
  end
end
return R.swept { looked = #due / 2, due = found, now = now, setBackMs = setBackMs }
