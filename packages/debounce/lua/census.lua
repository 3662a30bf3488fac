-- Counts a shard's workspaces by phase, and tells how long the oldest due one has been waiting. Looks at no workspace.
-- Uses: clock phases
-- KEYS: workspaces due phases
-- ARGV: now
-- Reply: {registered, oldestDueAgeMs, phase, count, phase, count, …}; what is in no phase that is told is idle
-- A workspace whose backoff outlives its hold counts as backing off until somebody looks at it.

local now = clock()
local counts = {}
local function count(phase, from, to)
  if phase then counts[phase] = (counts[phase] or 0) + redis.call('ZCOUNT', K.phases, from, to) end
end
for i, band in ipairs(BANDS) do
  local phase, following = band:match('^(%a+), then (%a+)$')
  count(following or band, i * BAND, i * BAND + now)
  count(phase, i * BAND + now + 1, (i + 1) * BAND - 1)
end
counts.idle = nil

local oldest = redis.call('ZRANGE', K.due, '-inf', now, 'BYSCORE', 'LIMIT', 0, 1, 'WITHSCORES')
local reply = { redis.call('ZCARD', K.workspaces), oldest[2] and now - tonumber(oldest[2]) or 0 }
for phase, number in pairs(counts) do
  reply[#reply + 1] = phase
  reply[#reply + 1] = number
end
return reply
