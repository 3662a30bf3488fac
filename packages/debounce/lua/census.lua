-- Counts a shard's workspaces by phase, and tells how long the oldest due one has been waiting. Looks at no workspace.
-- Uses: clock phase-bands digits
-- KEYS: workspaces due phases down looking
-- ARGV: now
-- Whole: now?
-- Reply: counted registered oldestDueAgeMs phases down observationAgeMs
-- `phases`: phase and count in turn; what is in no phase that is told is idle
-- `down`: those that should run and were seen not to; `observationAgeMs`: how old the oldest look may be, '' = nobody looks
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
-- A round is over when each was looked at once.
local looks = redis.call('HMGET', K.looking, 'roundAt', 'roundMs')
local observationAgeMs = looks[1] and math.max(now - tonumber(looks[1]), tonumber(looks[2] or 0)) or nil
local registered = redis.call('ZCARD', K.workspaces)
return R.counted { registered = registered, phases = phases, down = redis.call('ZCARD', K.down),
  observationAgeMs = observationAgeMs and digits(registered > 0 and observationAgeMs or 0),
  oldestDueAgeMs = oldest[2] and now - tonumber(oldest[2]) or 0 }
