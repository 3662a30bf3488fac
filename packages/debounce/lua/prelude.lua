-- Shared by every script. The loader puts it in front, after two tables made from the script's header:
-- K (key names by role) and A (arguments by name). All times are milliseconds.
--
-- The state hash, field by field (absent = zero, no or none):
--   generation, observed        what was asked for; what the last good cycle had read. generation > observed = owed
--   owedSince                   present while triggers wait that no cycle has begun to cover; with it:
--   dueNowAt quietEndsAt deadlineAt ignoreCooldown overrideHold ignoreQuietHours deliberate     see judge.ts
--   loop                        the loop that was found, as JSON: nothing starts what is owed but a change or a person
--   budgetTold                  the event that the budget holds them back was written
--   coalescedTold               the event for them was written
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
--   stopFailures stopRetryAt            of the stop under way
--   heldUntil heldBy            an operator holds restarts back
--   lastRestart lastRestartEndsAt echoes     the last restart, the end of it and its cooldown; which automatic triggers
--                               followed each of the last ones, as JSON: source and reason → cycles
--   budgetUntil spentCycles spentDowntimeMs  the budget of the day is spent until then; what was spent
--   desireAt                    a change of the desired state waits to be carried out
--   toldDropped:<source> toldRefused:<source>   until when it is not told again
--   hintId hintDue              the last wake-up hint, and the due time it was for

local EVENTS_KEPT = 10000
local ACTIVITY_KEPT = 200
local DISTINCT_KEPT = 32
local STEPS_KEPT = 100
local RECENT_KEPT = 100000
local SPENT_KEPT = 200
local DAY = 86400000

local function clock()
  if A.now ~= '' then return tonumber(A.now) end
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function readHash(key)
  local flat, fields = redis.call('HGETALL', key), {}
  for i = 1, #flat, 2 do fields[flat[i]] = flat[i + 1] end
  return fields
end

local function ahead(time, now) return time and tonumber(time) > now end

-- Numbers handed out only ever rise, even when a failover forgot the last ones.
local function nextNumber(previous, now) return math.max((tonumber(previous) or 0) + 1, now) end

-- policy-set.ts' choice: the first alternative whose tags and runtime are the workspace's puts its arguments in place.
local function chooseAlternative(workspace)
  if A.alternatives == '' then return end
  local tags = workspace.tags and cjson.decode(workspace.tags) or {}
  for _, alternative in ipairs(cjson.decode(A.alternatives)) do
    local meets = not alternative.runtime or alternative.runtime == workspace.runtime
    for name, value in pairs(alternative.tags or {}) do meets = meets and tags[name] == value end
    if meets then
      for name, value in pairs(alternative.set) do A[name] = value end
      return
    end
  end
end

-- The quiet hours of the policy, {start, end} in order. Scripts that know no policy know none: what they let wake up in
-- them finds it too early.
local quietHours = {}

local function chooseArguments(workspace)
  chooseAlternative(workspace)
  quietHours = A.quietHours == '' and {} or cjson.decode(A.quietHours)
end

-- nil, or why the workspace may not be restarted.
local function refusalOf(workspace)
  local desired = workspace.desired or 'removed'
  if desired == 'removed' then return 'removed' end
  if workspace.runtime == 'external' then return 'external' end
  if desired ~= 'running' then return desired end
  if workspace.parentPaused then return 'parent-paused' end
  return nil
end

local function isRunning(state) return state.cycle and not state.retrying end

-- judge.ts' dueOf: when the owed cycle may start; nil = not by itself. Also whether quiet hours hold it back.
local function dueOf(state, cooldownEndsAt, now)
  if not state.owedSince or state.loop then return nil end
  local due = tonumber(state.dueNowAt)
  if state.quietEndsAt then
    local quiet = math.min(tonumber(state.quietEndsAt), tonumber(state.deadlineAt))
    due = due and math.min(due, quiet) or quiet
  end
  if not due then return nil end
  if not state.ignoreCooldown then due = math.max(due, cooldownEndsAt or 0, tonumber(state.budgetUntil) or 0) end
  due = math.max(due, tonumber(state.backoffEndsAt) or 0)
  if not state.overrideHold and ahead(state.heldUntil, now) then due = math.max(due, tonumber(state.heldUntil)) end
  if state.ignoreQuietHours then return due, false end
  local startsAt = math.max(due, now)
  for _, interval in ipairs(quietHours) do
    if interval[1] <= startsAt and startsAt < interval[2] then return interval[2], true end
  end
  return due, false
end

-- Why the owed cycle starts when it does: what held it back last.
local function becauseOf(state, cooldownEndsAt, budgetUntil)
  if state.desireAt then return 'desired' end
  if state.ignoreCooldown then return 'asked' end
  local quiet = state.quietEndsAt and math.min(tonumber(state.quietEndsAt), tonumber(state.deadlineAt))
  local atOnce = tonumber(state.dueNowAt)
  local due, because = atOnce, 'at-once'
  if quiet and (not atOnce or quiet < atOnce) then
    due, because = quiet, quiet == tonumber(state.quietEndsAt) and 'quiet' or 'max-wait'
  end
  if cooldownEndsAt and cooldownEndsAt > due then due, because = cooldownEndsAt, 'cooldown' end
  if budgetUntil and budgetUntil > due then due, because = budgetUntil, 'budget' end
  if state.backoffEndsAt and tonumber(state.backoffEndsAt) > due then due, because = tonumber(state.backoffEndsAt), 'backoff' end
  if state.heldUntil and tonumber(state.heldUntil) > due then due, because = tonumber(state.heldUntil), 'hold' end
  for _, interval in ipairs(state.ignoreQuietHours and {} or quietHours) do
    if interval[1] <= due and due < interval[2] then due, because = interval[2], 'quiet-hours' end
  end
  return because
end

-- When the desired state may be carried out; nil = nothing waits for that. A stop may always be; a start waits for as
-- long as restarts are refused, by a paused ancestor above all.
local function desireOf(state, workspace)
  if not state.desireAt or (workspace.desired == 'running' and refusalOf(workspace)) then return nil end
  return tonumber(state.desireAt)
end

-- When somebody must look at the workspace next; nil = nobody need.
local function wakeOf(state, workspace, cooldownEndsAt, now)
  if isRunning(state) then return tonumber(state.leaseEndsAt) end
  local desireAt = desireOf(state, workspace)
  if desireAt then return desireAt end
  if state.retrying and state.action ~= 'restart' then return tonumber(state.stopRetryAt) end
  if refusalOf(workspace) then return nil end
  if state.retrying then
    local retryAt = tonumber(state.backoffEndsAt)
    return ahead(state.heldUntil, now) and math.max(retryAt, tonumber(state.heldUntil)) or retryAt
  end
  return dueOf(state, cooldownEndsAt, now)
end

-- `phases` counts workspaces without looking at each: every one that is not idle is in it. Phases end by themselves, at a
-- time that is known: a score's band says which phase, and which follows; within the band it says when.
local BAND = 1e14
local BANDS = { 'running', 'scheduled', 'backoff', 'failed', 'backoff, then scheduled', 'held, then idle',
  'held, then scheduled', 'held, then backoff', 'held, then failed' }

local function notePhase(id, phase, endsAt, following)
  if phase == 'idle' then return redis.call('ZREM', K.phases, id) end
  local name = following and phase .. ', then ' .. following or phase
  for i, band in ipairs(BANDS) do
    if band == name then return redis.call('ZADD', K.phases, i * BAND + (endsAt or 0), id) end
  end
end

-- As workspace-state.ts tells the phase; `wake` is wakeOf's.
local function notePhaseOf(id, state, workspace, wake, now)
  if isRunning(state) then return notePhase(id, 'running') end
  if desireOf(state, workspace) then return notePhase(id, 'scheduled') end
  local phase, endsAt, following = 'scheduled', nil, nil
  if state.retrying then phase = 'backoff'
  elseif not state.owedSince then phase = 'idle'
  elseif not wake then phase = (state.breaker or state.loop) and 'failed' or 'idle'
  elseif ahead(state.backoffEndsAt, now) then phase, endsAt, following = 'backoff', tonumber(state.backoffEndsAt), 'scheduled'
  end
  local heldUntil = ahead(state.heldUntil, now) and tonumber(state.heldUntil) or nil
  if state.owedSince and not state.retrying and wake and not state.ignoreCooldown and ahead(state.budgetUntil, now) then
    heldUntil = math.max(heldUntil or 0, tonumber(state.budgetUntil))
  end
  if not heldUntil then return notePhase(id, phase, endsAt, following) end
  -- A backoff within the hold; of one that outlives it, only that it follows is noted.
  if endsAt and endsAt <= heldUntil then phase = following end
  notePhase(id, 'held', heldUntil, phase)
end

-- Owed, and nothing but time holds it back: a further trigger can only move the wake-up.
local function isScheduled(state, now)
  return state.owedSince and not state.cycle and not state.desireAt and not state.breaker and not state.loop
    and not ahead(state.backoffEndsAt, now) and not ahead(state.budgetUntil, now) and not ahead(state.heldUntil, now)
end

-- Puts the wake-up into the due set and returns it. A state nobody waits for is left to expire.
local function schedule(id, state, workspace, cooldownEndsAt, now)
  local wake = wakeOf(state, workspace, cooldownEndsAt, now)
  if wake then redis.call('ZADD', K.due, wake, id) else redis.call('ZREM', K.due, id) end
  notePhaseOf(id, state, workspace, wake, now)
  if state.owedSince or state.cycle or state.desireAt or state.breaker then
    redis.call('PERSIST', K.state)
  else
    -- Nobody looks when a hold runs out by itself.
    local heldFor = ahead(state.heldUntil, now) and tonumber(state.heldUntil) - now or 0
    redis.call('PEXPIRE', K.state, A.activityTtlMs + heldFor)
  end
  return wake
end

local function dayOf(ms) return math.floor(ms / DAY) end

-- Into the shard's stream and the workspace's activity; `streamOnly` keeps what comes in numbers out of the latter.
local function emit(id, event, now, payload, streamOnly)
  local encoded = cjson.encode(payload)
  local entry = redis.call('XADD', K.events, 'MAXLEN', '~', EVENTS_KEPT, '*',
    'event', event, 'workspace_id', id, 'timestamp', now, 'payload', encoded)
  if streamOnly then return end
  redis.call('LPUSH', K.activity,
    '{"id":"' .. entry .. '","event":"' .. event .. '","workspace_id":"' .. id .. '","timestamp":' .. now .. ',"payload":' .. encoded .. '}')
  redis.call('LTRIM', K.activity, 0, ACTIVITY_KEPT - 1)
  redis.call('PEXPIRE', K.activity, A.activityTtlMs)
end

-- The why of a cycle is a hash: `<source>|count`, `|first`, `|last`, and for each distinct reason, actor and file
-- `<source>|reason|<text>` = when it was last given; `|more-reasons` counts those that no longer fit.
local TEXT_KINDS = { reason = 'reasons', actor = 'actors', file = 'files' }
local MORE = { ['more-reasons'] = 'moreReasons', ['more-actors'] = 'moreActors', ['more-files'] = 'moreFiles' }

local function addDistinct(key, source, kind, texts, now)
  for _, text in ipairs(texts) do
    local field = source .. '|' .. kind .. '|' .. text
    if text ~= '' and redis.call('HSET', key, field, now) == 1
      and redis.call('HINCRBY', key, source .. '|' .. kind .. 's', 1) > DISTINCT_KEPT then
      -- The oldest goes: of several, not the one that was just given.
      local prefix, oldest, oldestAt = source .. '|' .. kind .. '|', field, tonumber(now)
      for name, value in pairs(readHash(key)) do
        local at = tonumber(value)
        if name:sub(1, #prefix) == prefix
          and (at < oldestAt or (at == oldestAt and name ~= field and (oldest == field or name < oldest))) then
          oldest, oldestAt = name, at
        end
      end
      redis.call('HDEL', key, oldest)
      redis.call('HINCRBY', key, source .. '|' .. kind .. 's', -1)
      redis.call('HINCRBY', key, source .. '|more-' .. kind .. 's', 1)
    end
  end
end

-- What a why already has of a source: its first time, its count, and whether all of these texts are in it.
local function knownWhy(key, source, texts)
  local fields = { source .. '|first', source .. '|count' }
  for kind in pairs(TEXT_KINDS) do
    for _, text in ipairs(texts[kind]) do
      if text ~= '' then fields[#fields + 1] = source .. '|' .. kind .. '|' .. text end
    end
  end
  local values = redis.call('HMGET', key, unpack(fields))
  local known = { firstAt = tonumber(values[1] or nil), count = tonumber(values[2] or nil), fields = fields, hasAll = true }
  for i = 3, #fields do known.hasAll = known.hasAll and values[i] end
  return known
end

-- `texts`: per kind those that are kept, and under `more` how many were left out; `known`: see knownWhy.
local function addWhy(key, source, count, now, texts, known)
  local flat = { source .. '|count', (known.count or 0) + count, source .. '|first', known.firstAt or now,
    source .. '|last', now }
  -- Most triggers say what others said before: all of it in one call.
  for i = 3, known.hasAll and #known.fields or 0 do
    flat[#flat + 1] = known.fields[i]
    flat[#flat + 1] = now
  end
  redis.call('HSET', key, unpack(flat))
  for kind, name in pairs(TEXT_KINDS) do
    if not known.hasAll then addDistinct(key, source, kind, texts[kind], now) end
    local more = texts.more[kind] or 0
    if more > 0 then redis.call('HINCRBY', key, source .. '|more-' .. name, more) end
  end
end

-- The why of an unfinished cycle goes back to what is owed.
local function owe(from, to)
  local merged = readHash(to)
  for field, value in pairs(readHash(from)) do
    local source, kind, text = field:match('^([^|]+)|([^|]+)|?(.*)$')
    if kind == 'count' then redis.call('HINCRBY', to, field, value)
    elseif kind == 'first' then redis.call('HSET', to, field, math.min(tonumber(value), tonumber(merged[field] or value)))
    elseif kind == 'last' then redis.call('HSET', to, field, math.max(tonumber(value), tonumber(merged[field] or value)))
    elseif TEXT_KINDS[kind] then
      if not merged[field] then addDistinct(to, source, kind, { text }, tonumber(value)) end
    elseif kind:sub(1, 5) == 'more-' then redis.call('HINCRBY', to, field, value)
    end
  end
  redis.call('DEL', from)
end

-- Per source: count, first and last time, reasons, actors and files, as an array for records and events.
local function whyList(key)
  local bySource, list = {}, {}
  for field, value in pairs(readHash(key)) do
    local source, kind, text = field:match('^([^|]+)|([^|]+)|?(.*)$')
    local entry = bySource[source]
    if not entry then
      entry = { source = source, texts = { reason = {}, actor = {}, file = {} } }
      bySource[source] = entry
      list[#list + 1] = entry
    end
    if kind == 'count' then entry.count = tonumber(value)
    elseif kind == 'first' then entry.firstAt = tonumber(value)
    elseif kind == 'last' then entry.lastAt = tonumber(value)
    elseif MORE[kind] then entry[MORE[kind]] = tonumber(value)
    elseif entry.texts[kind] and text ~= '' then
      table.insert(entry.texts[kind], { text = text, at = tonumber(value) })
    end
  end
  for _, entry in ipairs(list) do
    for kind, name in pairs(TEXT_KINDS) do
      table.sort(entry.texts[kind], function(a, b) return a.at > b.at or (a.at == b.at and a.text < b.text) end)
      for i, item in ipairs(entry.texts[kind]) do
        entry[name] = entry[name] or {}
        entry[name][i] = item.text
      end
    end
    entry.texts = nil
  end
  table.sort(list, function(a, b) return a.firstAt < b.firstAt or (a.firstAt == b.firstAt and a.source < b.source) end)
  return list
end

local CYCLE_FIELDS = { 'cycle', 'cycleGeneration', 'cycleStartedAt', 'attempt', 'action', 'owner', 'leaseEndsAt',
  'how', 'stopAsked', 'retrying', 'askedAt', 'canceledTo', 'stopFailures', 'stopRetryAt', 'steps', 'lostSteps', 'cycleTrace' }

local OWED_FIELDS = { 'owedSince', 'dueNowAt', 'quietEndsAt', 'deadlineAt', 'ignoreCooldown', 'overrideHold', 'ignoreQuietHours',
  'deliberate', 'loop', 'coalescedTold', 'budgetTold', 'trace' }

local function clearFields(state, fields)
  local present = {}
  for _, field in ipairs(fields) do
    if state[field] then present[#present + 1] = field end
    state[field] = nil
  end
  if #present > 0 then redis.call('HDEL', K.state, unpack(present)) end
end

-- The writes that landed while the cycle ran, per source; nil = none.
local function midWrites(state)
  local list
  for field, count in pairs(state) do
    local source = field:match('^midWrites:(.+)$')
    if source then
      list = list or {}
      list[#list + 1] = { source = source, count = tonumber(count) }
    end
  end
  if list then table.sort(list, function(a, b) return a.source < b.source end) end
  return list
end

-- The field that counts them, and its new value.
local function countDrops(state, source, rule, count, now)
  local field = 'drops:' .. source .. '|' .. rule
  local counted, first = (state[field] or ''):match('^(%d+) (%d+)')
  return field, string.format('%.0f %.0f %.0f', (tonumber(counted) or 0) + count, tonumber(first) or now, now)
end

-- What was dropped since this was asked last, per source and rule; nil = nothing.
local function takeDrops(state)
  local list
  for field, counted in pairs(state) do
    local source, rule = field:match('^drops:([^|]+)|(.+)$')
    if source then
      local count, first, last = counted:match('^(%d+) (%d+) (%d+)$')
      list = list or {}
      list[#list + 1] = { source = source, rule = rule, count = tonumber(count), first_at = tonumber(first),
        last_at = tonumber(last) }
    end
  end
  if not list then return nil end
  for _, dropped in ipairs(list) do redis.call('HDEL', K.state, 'drops:' .. dropped.source .. '|' .. dropped.rule) end
  table.sort(list, function(a, b)
    return a.first_at < b.first_at or (a.first_at == b.first_at and a.source .. a.rule < b.source .. b.rule)
  end)
  return list
end

-- The cycle is over, whatever became of it.
local function clearCycle(state)
  clearFields(state, CYCLE_FIELDS)
  for _, written in ipairs(midWrites(state) or {}) do clearFields(state, { 'midWrites:' .. written.source }) end
end

local function set(state, fields)
  local flat = {}
  for field, value in pairs(fields) do
    flat[#flat + 1] = field
    flat[#flat + 1] = value
    state[field] = value
  end
  redis.call('HSET', K.state, unpack(flat))
end

-- The restarts of the last day, oldest first: `spent` has of each cycle '<started> <downtime> <restarts>'. Beyond so many
-- the oldest ones are counted together, as late as the later one.
local function spentOfDay(now)
  local list = {}
  for cycle, entry in pairs(readHash(K.spent)) do
    local at, downtime, count = entry:match('^(%d+) (%d+) (%d+)$')
    if tonumber(at) + DAY > now then
      list[#list + 1] = { cycle = cycle, at = tonumber(at), downtime = tonumber(downtime), count = tonumber(count) }
    else
      redis.call('HDEL', K.spent, cycle)
    end
  end
  table.sort(list, function(a, b) return a.at < b.at or (a.at == b.at and a.cycle < b.cycle) end)
  while #list > SPENT_KEPT do
    local oldest = table.remove(list, 1)
    local joined = list[1]
    joined.downtime, joined.count = joined.downtime + oldest.downtime, joined.count + oldest.count
    redis.call('HDEL', K.spent, oldest.cycle)
    redis.call('HSET', K.spent, joined.cycle, joined.at .. ' ' .. joined.downtime .. ' ' .. joined.count)
  end
  return list
end

local function hasBudget() return tonumber(A.budgetCycles) > 0 or tonumber(A.budgetDowntimeMs) > 0 end

-- Until when the budget of the day is spent: until so much of it is more than a day ago that the next restart is within it.
local function reckonBudget(state, now)
  if not hasBudget() then
    if state.budgetUntil then clearFields(state, { 'budgetUntil', 'spentCycles', 'spentDowntimeMs' }) end
    return
  end
  local spent, cycles, downtime, untilTime = spentOfDay(now), 0, 0, nil
  for _, entry in ipairs(spent) do cycles, downtime = cycles + entry.count, downtime + entry.downtime end
  local spentCycles, spentDowntimeMs = cycles, downtime
  local mostCycles, mostDowntime = tonumber(A.budgetCycles), tonumber(A.budgetDowntimeMs)
  for _, entry in ipairs(spent) do
    if (mostCycles == 0 or cycles < mostCycles) and (mostDowntime == 0 or downtime < mostDowntime) then break end
    untilTime, cycles, downtime = entry.at + DAY, cycles - entry.count, downtime - entry.downtime
  end
  if untilTime then
    set(state, { budgetUntil = untilTime, spentCycles = spentCycles, spentDowntimeMs = spentDowntimeMs })
  else
    clearFields(state, { 'budgetUntil', 'spentCycles', 'spentDowntimeMs' })
  end
end

local function spend(cycle, startedAt, downtime)
  redis.call('HSET', K.spent, cycle, startedAt .. ' ' .. downtime .. ' 1')
  redis.call('PEXPIRE', K.spent, DAY)
end

-- Once for what is owed: that the budget holds it back.
local function tellBudget(id, state, now)
  if not state.owedSince or state.ignoreCooldown or state.budgetTold or not ahead(state.budgetUntil, now) then return end
  set(state, { budgetTold = 1 })
  emit(id, 'WORKSPACE_RESTART_BUDGET_SPENT', now, { rule = 'budget', until_at = tonumber(state.budgetUntil),
    cycles = tonumber(state.spentCycles), downtime_ms = tonumber(state.spentDowntimeMs),
    generation = tonumber(state.generation) })
end

-- A resent command finds its first answer. `recent` is the base of a name, the minute comes on top: both buckets that are
-- read lie in the same slot.
local function recallAnswer(nonce, now)
  if nonce == '' then return nil end
  local minute = math.floor(now / 60000)
  return redis.call('HGET', K.recent .. ':' .. minute, nonce) or redis.call('HGET', K.recent .. ':' .. minute - 1, nonce)
end

local function keepAnswer(nonce, answer, now)
  if nonce == '' then return end
  local bucket = K.recent .. ':' .. math.floor(now / 60000)
  if redis.call('HLEN', bucket) < RECENT_KEPT then redis.call('HSET', bucket, nonce, answer) end
  redis.call('PEXPIRE', bucket, 120000)
end

-- Deletes every key of a workspace but its windows, which nobody can claim any more: the caller deletes those first.
local function forget(id)
  redis.call('DEL', K.workspace, K.state, K.startedAt, K.why, K.covers, K.journal, K.lastCycle, K.spent, K.activity,
    K.idempotency, K.shadow)
  redis.call('ZREM', K.due, id)
  redis.call('ZREM', K.hinted, id)
  redis.call('ZREM', K.phases, id)
  redis.call('ZREM', K.workspaces, id)
end

-- Into the shard's stream alone: the activity list is gone with the rest.
local function emitRemoved(id, now, payload)
  redis.call('XADD', K.events, 'MAXLEN', '~', EVENTS_KEPT, '*', 'event', 'WORKSPACE_REMOVED', 'workspace_id', id,
    'timestamp', now, 'payload', cjson.encode(payload))
end
