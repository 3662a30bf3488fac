-- Counts a shard's workspaces by phase, and tells how long the oldest due one has been waiting. Looks at no workspace.
-- Uses: clock phase-bands digits
-- KEYS: workspaces due phases
-- ARGV: now
-- Whole: now?
-- Reply: counted registered oldestDueAgeMs phases
-- `phases`: phase and count in turn; what is in no phase that is told is idle
-- A workspace whose backoff outlives its hold counts as backing off until somebody looks at it.

local now = clock()
local counts = {}
-- What is due and in no band is only scheduled.
counts.scheduled = redis.call('ZCARD', K.due)
local function count(phase, from, to, isDue)
  local number = redis.call('ZCOUNT', K.phases, digits(from), digits(to))
  counts[phase] = (counts[phase] or 0) + number
  if isDue then counts.scheduled = counts.scheduled - number end
end
for name, band in pairs(BANDS) do
  local phase, following, isDue = name:match('^%a+'), name:match(', then (%a+)'), not name:find(', not due', 1, true)
  count(following or phase, band * BAND, band * BAND + now, isDue)
  count(phase, band * BAND + now + 1, (band + 1) * BAND - 1, isDue)
end
counts.idle = nil

local oldest = redis.call('ZRANGE', K.due, '-inf', now, 'BYSCORE', 'LIMIT', 0, 1, 'WITHSCORES')
local phases = {}
for phase, number in pairs(counts) do
  phases[#phases + 1] = phase
  phases[#phases + 1] = number
end
return R.counted { registered = redis.call('ZCARD', K.workspaces), phases = phases,
  oldestDueAgeMs = oldest[2] and now - tonumber(oldest[2]) or 0 }
