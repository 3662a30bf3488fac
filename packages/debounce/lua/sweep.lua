-- Finds workspaces that are due and have no live worker. Bounded: at most `count` entries are looked at.
-- Uses: clock phase-bands digits
-- KEYS: due hinted phases
-- ARGV: offset count rehintMs now
-- Reply: {looked, id, dueAt, hintId, id, dueAt, hintId, …}; looked < count: this was the last batch
-- What was hinted is remembered beside the due time for `rehintMs`, so as not to hint it again every pass.

local now = clock()
redis.call('ZREMRANGEBYSCORE', K.hinted, '-inf', now - A.rehintMs)
-- A hold that ran out with nothing owed: nobody looks at the workspace, so nobody else takes it out.
local heldThenIdle = BANDS['held, then idle, not due'] * BAND
redis.call('ZREMRANGEBYSCORE', K.phases, digits(heldThenIdle), digits(heldThenIdle + now))
local due = redis.call('ZRANGE', K.due, '-inf', now, 'BYSCORE', 'LIMIT', A.offset, A.count, 'WITHSCORES')
local reply = { #due / 2 }
for i = 1, #due, 2 do
  local id, dueAt = due[i], tonumber(due[i + 1])
  local hintedAt = tonumber(redis.call('ZSCORE', K.hinted, id) or nil)
  if not hintedAt or hintedAt < dueAt then
    redis.call('ZADD', K.hinted, digits(now), id)
    reply[#reply + 1] = id
    reply[#reply + 1] = dueAt
    reply[#reply + 1] = 's' .. digits(now)
  end
end
return reply
