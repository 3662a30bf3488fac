-- Takes the lease of a workspace and begins, takes over or retries a cycle.
-- `owner` names one call of one worker.
-- Uses: clock hash state lease policy-choice due phases why drops events budget digits
-- KEYS: workspace state startedAt due phases hinted why covers journal spent events activity shadow
-- ARGV: id owner leaseMs cooldownMs budgetCycles budgetDowntimeMs quietHours alternatives activityTtlMs now
-- Whole: leaseMs cooldownMs budgetCycles budgetDowntimeMs activityTtlMs now?
-- `alternatives`: what to put in place of the four before it, see chooseArguments.
-- Shared: due phases hinted events leaseMs cooldownMs budgetCycles budgetDowntimeMs quietHours alternatives activityTtlMs now
-- Reply: idle vanished
-- Reply: busy leaseEndsAt
-- Reply: not-due dueAt hintId now
-- Reply: begun how cycle generation attempt fence action startedAt leaseEndsAt askedAt journal stopAsked now workspace covers leftover trace
-- `idle`: nothing is owed that may start by itself; `vanished`: it was due, and nothing is known of it any more. `busy`: another worker acts. `not-due`: `hintId` names the hint for `dueAt`
-- `how`: new | takeover | retry; `action`: restart | stop | remove; `askedAt`: when the first covered trigger came;
-- `workspace`: its fields, a flat list; `covers`: JSON; `journal`: of an earlier attempt; `leftover`: of an earlier cycle
-- Events: WORKSPACE_AUTO_RESTART_FIRED (a new restart), WORKSPACE_PROVISIONING (every attempt at one)

local STEPS_KEPT = 100

local now = clock()
local at = digits(now)
local workspace, workspaceFields = readHash(K.workspace)
local state = readState(now)
cutLease(state, now)
chooseArguments(workspace)
local cooldownEndsAt = tonumber(redis.call('GET', K.startedAt) or nil)

local how, because
if isRunning(state) and state.owner == A.owner then
  -- A resent command whose first answer was lost: the lease is the caller's already.
  how = state.how
elseif isRunning(state) then
  if ahead(state.leaseEndsAt, now) then
    redis.call('ZADD', K.due, state.leaseEndsAt, A.id)
    return R.busy { leaseEndsAt = tonumber(state.leaseEndsAt) }
  end
  how = 'takeover'
else
  -- Told by what held it back until now: the budget may be another one since it was last reckoned.
  because = select(2, dueOf(state, cooldownEndsAt, now))
  if state.owedAt then reckonBudget(state, now) end
  local wake = wakeOf(state, workspace, cooldownEndsAt, now)
  if not wake or wake > now then
    save()
    if wake then
      redis.call('ZADD', K.due, digits(wake), A.id)
      return R['not-due'] { dueAt = wake, hintId = 'w' .. at, now = now }
    end
    local wasDue = redis.call('ZREM', K.due, A.id) == 1
    redis.call('ZREM', K.hinted, A.id)
    -- No script takes a state away and leaves the workspace due.
    return R.idle { vanished = wasDue and not state.generation and 1 or 0 }
  end
  -- A change of the desired state does not wait for a retry: the failed cycle is over, what it covered stays owed.
  if state.retrying and desireOf(state, workspace) then
    if state.action == 'restart' then
      owe(K.covers, K.why)
      set(state, { owedAt = state.askedAt, dueNowAt = state.dueNowAt or now })
    end
    clearCycle(state)
  end
  how = state.retrying and 'retry' or 'new'
end

local covers

local function reply()
  -- A journal of an earlier cycle that did not end well: not to resume from, but to know what it may have left behind.
  local journal = redis.call('GET', K.journal) or nil
  local own = state.journalOf == state.cycle
  return R.begun { how = how, cycle = state.cycle, generation = state.cycleGeneration, attempt = state.attempt,
    fence = state.fence, action = state.action, startedAt = state.cycleStartedAt, leaseEndsAt = state.leaseEndsAt,
    askedAt = state.askedAt, journal = own and journal, stopAsked = state.stopAsked and 1 or 0, now = at,
    workspace = workspaceFields, covers = covers or coversJson(K.covers) or '[]', leftover = not own and journal,
    trace = state.cycleTrace }
end
if state.owner == A.owner then
  -- A write, so that a WAIT after this call waits for the first one's, too.
  redis.call('HSET', K.state, 'owner', A.owner)
  return reply()
end

local fence = nextNumber(state.fence, now)
local fired
local changes = { fence = fence, owner = A.owner, leaseEndsAt = now + A.leaseMs, how = how }

if how == 'new' then
  local desired = workspace.desired
  changes.cycle = 'c' .. digits(fence)
  changes.cycleGeneration = state.generation
  changes.cycleStartedAt = now
  changes.attempt = 1
  changes.action = desired == 'running' and 'restart' or desired == 'removed' and 'remove' or 'stop'
  if changes.action == 'restart' then
    local byPerson = state.ignoreCooldown or state.desireAt
    -- Everything owed is this cycle's now; what comes from here on is owed anew.
    local list = whyList(K.why)
    if #list > 0 then
      covers = cjson.encode(list)
      redis.call('DEL', K.why)
      redis.call('SET', K.covers, covers)
    end
    local askedAt = state.owedAt
    -- An echo of the last restart may echo this one, too, unless more than that was behind it.
    if state.echoes then
      local echoes = {}
      for name, cycles in pairs(cjson.decode(state.echoes)) do
        if cycles[#cycles] == state.lastRestart then echoes[name] = cycles end
      end
      local keeps = next(echoes) and not state.deliberate and not state.desireAt
      clearFields(state, { 'echoes' })
      if keeps then changes.echoes = cjson.encode(echoes) end
    end
    changes.lastRestart, changes.lastRestartEndsAt = changes.cycle, now + A.cooldownMs
    changes.cycleTrace = state.trace
    clearFields(state, OWED_FIELDS)
    changes.askedAt = askedAt or state.desireAt or now
    redis.call('DEL', K.startedAt)
    if A.cooldownMs ~= '0' then
      redis.call('SET', K.startedAt, digits(now + A.cooldownMs), 'NX', 'PX', A.cooldownMs)
    end
    -- What a shadow policy is compared with; without one there is no key.
    if redis.call('EXISTS', K.shadow) == 1 then redis.call('HINCRBY', K.shadow, 'cycles:' .. dayOf(now), 1) end
    local dropped, fields = dropsOf(state)
    if dropped then clearFields(state, fields) end
    fired = emitToStream(A.id, 'WORKSPACE_AUTO_RESTART_FIRED', now, withMember(cjson.encode({ cycle = changes.cycle,
      generation = tonumber(changes.cycleGeneration), auto = not byPerson, because = state.desireAt and 'desired' or because,
      askedAt = tonumber(changes.askedAt), dropped = dropped }), 'covers', covers))
  else
    changes.askedAt = state.desireAt
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
set(state, changes)
if how == 'new' and state.action == 'restart' and hasBudget() then
  spend(state.cycle, now, 0)
  reckonBudget(state, now)
end

save()
redis.call('ZREM', K.hinted, A.id)
redis.call('ZADD', K.due, state.leaseEndsAt, A.id)
notePhase(A.id, 'running')
redis.call('PERSIST', K.state)
if state.action == 'restart' then
  local provisioning = emitToStream(A.id, 'WORKSPACE_PROVISIONING', now, { cycle = state.cycle,
    generation = tonumber(state.cycleGeneration), attempt = tonumber(state.attempt), how = how })
  if fired then keepInActivity(fired, provisioning) else keepInActivity(provisioning) end
end

return reply()
