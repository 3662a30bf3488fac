-- Takes the lease of a workspace and begins, takes over or retries a cycle.
-- `owner` names one call of one worker.
-- Uses: clock hash state policy-choice because due phases why drops events budget
-- KEYS: workspace state startedAt due phases hinted why covers journal spent events activity shadow
-- ARGV: id owner leaseMs cooldownMs budgetCycles budgetDowntimeMs quietHours alternatives activityTtlMs now
-- `alternatives`: what to put in place of the four before it, see chooseArguments.
-- Shared: due phases hinted events leaseMs cooldownMs budgetCycles budgetDowntimeMs quietHours alternatives activityTtlMs now
-- Reply: {'idle'}                          nothing is owed that may start by itself
-- Reply: {'busy', leaseEndsAt}             another worker acts
-- Reply: {'not-due', dueAt, hintId, now}   too early; hintId names the hint to enqueue for dueAt
-- Reply: {'begun', how, cycle, generation, attempt, fence, action, startedAt, leaseEndsAt, askedAt, journal|'',
-- Reply:  stopAsked 0|1, now, workspace fields as a flat array, covers as JSON, leftover|'', trace|''}
-- Reply: how: 'new' | 'takeover' | 'retry'; action: 'restart' | 'stop' | 'remove'; askedAt: when the first covered trigger came
-- Events: WORKSPACE_AUTO_RESTART_FIRED (a new restart), WORKSPACE_PROVISIONING (every attempt at one)

local STEPS_KEPT = 100

local now = clock()
local workspace = readHash(K.workspace)
local state = readHash(K.state)
chooseArguments(workspace)
local cooldownEndsAt = tonumber(redis.call('GET', K.startedAt) or nil)

local function notDue(due)
  set(state, { hintDue = due, hintId = 'w' .. now })
  return { 'not-due', due, state.hintId, now }
end

local how
local budgetUntil = tonumber(state.budgetUntil)
if isRunning(state) and state.owner == A.owner then
  -- A resent command whose first answer was lost: the lease is the caller's already.
  how = state.how
elseif isRunning(state) then
  if ahead(state.leaseEndsAt, now) then return { 'busy', tonumber(state.leaseEndsAt) } end
  how = 'takeover'
else
  -- The budget may be another one since it was last reckoned.
  if state.owedSince then reckonBudget(state, now) end
  local wake = wakeOf(state, workspace, cooldownEndsAt, now)
  if not wake then
    redis.call('ZREM', K.due, A.id)
    redis.call('ZREM', K.hinted, A.id)
    return { 'idle' }
  end
  if wake > now then
    redis.call('ZADD', K.due, wake, A.id)
    return notDue(wake)
  end
  -- A change of the desired state does not wait for a retry: the failed cycle is over, what it covered stays owed.
  if state.retrying and desireOf(state, workspace) then
    if state.action == 'restart' then
      owe(K.covers, K.why)
      set(state, { owedSince = state.askedAt, dueNowAt = state.dueNowAt or now })
    end
    clearCycle(state)
  end
  how = state.retrying and 'retry' or 'new'
end

local covers

local function reply()
  local flat = {}
  for field, value in pairs(workspace) do
    flat[#flat + 1] = field
    flat[#flat + 1] = value
  end
  -- A journal of an earlier cycle that did not end well: not to resume from, but to know what it may have left behind.
  local journal = redis.call('GET', K.journal) or ''
  local own = state.journalOf == state.cycle
  return { 'begun', how, state.cycle, tonumber(state.cycleGeneration), tonumber(state.attempt), tonumber(state.fence),
    state.action, tonumber(state.cycleStartedAt), tonumber(state.leaseEndsAt), tonumber(state.askedAt),
    own and journal or '', state.stopAsked and 1 or 0, now, flat, cjson.encode(covers or whyList(K.covers)),
    own and '' or journal, state.cycleTrace or '' }
end
if state.owner == A.owner then
  -- A write, so that a WAIT after this call waits for the first one's, too.
  redis.call('HSET', K.state, 'owner', A.owner)
  return reply()
end

local fence = nextNumber(state.fence, now)
local leaseEndsAt = now + tonumber(A.leaseMs)
local changes = { fence = fence, owner = A.owner, leaseEndsAt = leaseEndsAt, how = how }

if how == 'new' then
  local desired = workspace.desired
  changes.cycle = 'c' .. fence
  changes.cycleGeneration = tonumber(state.generation)
  changes.cycleStartedAt = now
  changes.attempt = 1
  changes.action = desired == 'running' and 'restart' or desired == 'removed' and 'remove' or 'stop'
  if changes.action == 'restart' then
    local byPerson = state.ignoreCooldown or state.desireAt
    local because = becauseOf(state, cooldownEndsAt, budgetUntil)
    -- Everything owed is this cycle's now; what comes from here on is owed anew.
    if redis.call('EXISTS', K.why) == 1 then redis.call('RENAME', K.why, K.covers) end
    local askedAt = state.owedSince
    -- An echo of the last restart may echo this one, too, unless more than that was behind it.
    local echoes = {}
    if state.echoes and not state.deliberate and not state.desireAt then
      for name, cycles in pairs(cjson.decode(state.echoes)) do
        if cycles[#cycles] == state.lastRestart then echoes[name] = cycles end
      end
    end
    clearFields(state, { 'echoes' })
    if next(echoes) then changes.echoes = cjson.encode(echoes) end
    changes.lastRestart, changes.lastRestartEndsAt = changes.cycle, now + tonumber(A.cooldownMs)
    changes.cycleTrace = state.trace
    clearFields(state, OWED_FIELDS)
    changes.askedAt = askedAt or state.desireAt or now
    redis.call('DEL', K.startedAt)
    if tonumber(A.cooldownMs) > 0 then
      redis.call('SET', K.startedAt, now + tonumber(A.cooldownMs), 'NX', 'PX', A.cooldownMs)
    end
    covers = whyList(K.covers)
    -- What a shadow policy is compared with; without one there is no key.
    if redis.call('EXISTS', K.shadow) == 1 then redis.call('HINCRBY', K.shadow, 'cycles:' .. dayOf(now), 1) end
    emit(A.id, 'WORKSPACE_AUTO_RESTART_FIRED', now, { cycle = changes.cycle, generation = changes.cycleGeneration,
      auto = not byPerson, because = because, asked_at = tonumber(changes.askedAt), covers = #covers > 0 and covers or nil,
      dropped = takeDrops(state) })
  else
    changes.askedAt = tonumber(state.desireAt)
  end
  clearFields(state, { 'desireAt' })
else
  changes.attempt = tonumber(state.attempt) + 1
  clearFields(state, { 'retrying' })
  -- What the lost worker did is told when this attempt ends.
  if state.steps then
    local lost = cjson.decode(state.lostSteps or '[]')
    for _, step in ipairs(cjson.decode(state.steps)) do
      step.attempt = tonumber(state.attempt)
      lost[#lost + 1] = step
    end
    while #lost > STEPS_KEPT do table.remove(lost, 1) end
    changes.lostSteps = cjson.encode(lost)
    clearFields(state, { 'steps' })
  end
end
clearFields(state, { 'hintId', 'hintDue' })
set(state, changes)
if how == 'new' and state.action == 'restart' and hasBudget() then
  spend(state.cycle, now, 0)
  reckonBudget(state, now)
end

redis.call('ZREM', K.hinted, A.id)
redis.call('ZADD', K.due, leaseEndsAt, A.id)
notePhase(A.id, 'running')
redis.call('PERSIST', K.state)
if state.action == 'restart' then
  emit(A.id, 'WORKSPACE_PROVISIONING', now, { cycle = state.cycle, generation = tonumber(state.cycleGeneration),
    attempt = tonumber(state.attempt), how = how })
end

return reply()
