-- Uses: hash digits set-back
-- The state hash, field by field (absent = zero, no or none):
--   generation, observed        what was asked for; what the last good cycle had read. generation > observed = owed
--   owedAt                      present while triggers wait that no cycle has begun to cover; with it:
--   dueNowAt quietEndsAt deadlineAt ignoreCooldown overrideHold ignoreQuietHours deliberate     see judge.ts
--   loop                        the loop that was found, as JSON: nothing starts what is owed but a change or a person
--   budgetTold                  the event that the budget holds them back was written
--   told                        the event for them was written
--   trace cycleTrace            the trace of the trigger that made the owed cycle due; that of the cycle
--   cycle cycleGeneration cycleStartedAt askedAt attempt action      present from a cycle's begin to its end
--   fence                       the last fencing token handed out, never lowered
--   journalOf                   the cycle that wrote the journal
--   steps lostSteps             what the attempt under way did so far, as JSON; what attempts did whose worker was lost
--   midWrites:<source>          how many writes landed while the cycle ran
--   drops:<source>|<rule>       what was dropped since a cycle last began or ended: "count first last"
--   suppressed:<source>         how many the window has held back since it was claimed
--   owner leaseEndsAt how       who acts for the cycle, until when; how its attempt began
--   stopAsked                   the cycle shall stop at its next safe point
--   canceledTo                  an operator canceled what is owed up to that generation; the cycle too, if it stops
--   retrying                    the cycle's last attempt failed; it waits for backoffEndsAt
--   failures backoffEndsAt breaker      of restarts
--   crashes                     how often in a row it went down soon after a restart; each waits longer, until backoffEndsAt
--   declines declinedAt         how often in a row a restart was declined, since when
--   stopFailures stopRetryAt            of the stop under way
--   heldUntil holds             restarts are held back until then; who holds them, see holds.lua
--   lastRestart lastRestartEndsAt echoes     the last restart, the end of it and its cooldown; which automatic triggers
--                               followed each of the last ones, as JSON: source and reason → cycles
--   budgetUntil spentCycles spentDowntimeMs  the budget of the day is spent until then; what was spent
--   desireAt                    a change of the desired state waits to be carried out
--   toldDropped:<source> toldRefused:<source>   until when it is not told again
--   seenAt                      the time at which any of it was set last

local DAY = 86400000

local function ahead(time, now) return time and tonumber(time) > now end

-- Numbers handed out only ever rise, even when a failover forgot the last ones.
local function nextNumber(previous, now) return math.max((tonumber(previous) or 0) + 1, now) end

local function dayOf(ms) return math.floor(ms / DAY) end

local function isRunning(state) return state.cycle and not state.retrying end

local CYCLE_FIELDS = { 'cycle', 'cycleGeneration', 'cycleStartedAt', 'attempt', 'action', 'owner', 'leaseEndsAt',
  'how', 'stopAsked', 'retrying', 'askedAt', 'canceledTo', 'stopFailures', 'stopRetryAt', 'steps', 'lostSteps', 'cycleTrace' }

local OWED_FIELDS = { 'owedAt', 'dueNowAt', 'quietEndsAt', 'deadlineAt', 'ignoreCooldown', 'overrideHold', 'ignoreQuietHours',
  'deliberate', 'loop', 'told', 'budgetTold', 'trace' }

local TIME_FIELDS = { 'owedAt', 'dueNowAt', 'quietEndsAt', 'deadlineAt', 'cycleStartedAt', 'askedAt', 'leaseEndsAt',
  'backoffEndsAt', 'stopRetryAt', 'declinedAt', 'heldUntil', 'lastRestartEndsAt', 'budgetUntil', 'desireAt' }

-- What is set and cleared is written at once, when it is saved: nothing is left half done, and Redis is asked twice at most.
local changed
-- When the state was read.
local readAt

local function setField(state, field, value)
  if type(value) == 'number' then value = digits(value) end
  if state[field] ~= value then state[field], changed[field] = value, value end
end

local function set(state, fields)
  for field, value in pairs(fields) do setField(state, field, value) end
end

local function clearFields(state, fields)
  for _, field in ipairs(fields) do
    if state[field] then state[field], changed[field] = nil, false end
  end
end

local function save()
  local flat, gone = {}, {}
  if next(changed) then changed.seenAt = digits(readAt) end
  for field, value in pairs(changed) do
    if value then
      flat[#flat + 1] = field
      flat[#flat + 1] = value
    else
      gone[#gone + 1] = field
    end
  end
  if #flat > 0 then redis.call('HSET', K.state, unpack(flat)) end
  if #gone > 0 then redis.call('HDEL', K.state, unpack(gone)) end
  changed = {}
end

-- A clock that was set back makes no wait longer than it was when the state was written last: all its times, and the
-- cooldown's end, move by as much as the clock did.
local function followClock(state, now)
  local back = (tonumber(state.seenAt) or now) - now
  if back < SET_BACK_BY then return end
  for _, field in ipairs(TIME_FIELDS) do
    if state[field] then setField(state, field, state[field] - back) end
  end
  for field, value in pairs(state) do
    if field:find('^told%u') then setField(state, field, value - back) end
  end
  if state.holds then
    local holds = cjson.decode(state.holds)
    for _, hold in ipairs(holds) do hold.since, hold.endsAt = hold.since - back, hold.endsAt - back end
    setField(state, 'holds', cjson.encode(holds))
  end
  local cooldownEndsAt = tonumber(redis.call('GET', K.startedAt) or nil)
  if cooldownEndsAt then
    local left = cooldownEndsAt - back - now
    if left > 0 then redis.call('SET', K.startedAt, digits(now + left), 'PX', digits(left)) else redis.call('DEL', K.startedAt) end
  end
  setField(state, 'seenAt', now)
  save()
end

local function readState(now)
  changed, readAt = {}, now
  local state = readHash(K.state)
  followClock(state, now)
  return state
end

-- The writes that landed while the cycle ran, per source; nil = none.
local function midWrites(state)
  local list
  for field, count in pairs(state) do
    if field:sub(1, 10) == 'midWrites:' then
      list = list or {}
      list[#list + 1] = { source = field:sub(11), count = tonumber(count) }
    end
  end
  if list then table.sort(list, function(a, b) return a.source < b.source end) end
  return list
end

-- The cycle is over, whatever became of it.
local function clearCycle(state)
  clearFields(state, CYCLE_FIELDS)
  for _, written in ipairs(midWrites(state) or {}) do clearFields(state, { 'midWrites:' .. written.source }) end
end
