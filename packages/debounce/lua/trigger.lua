-- Judges `count` triggers of one source that arrived together, and records what they are owed.
-- Uses: clock state policy-choice refusal due schedule why drops events budget recall receipts digits
-- KEYS: workspace state startedAt window due phases why covers lastCycle events activity recent idempotency idempotencyOrder
-- ARGV: id source windowMs leading trailing maxWaitMs cooldown running automatic loopCycles loopWithinMs
-- ARGV: quietHours ignoresQuietHours alternatives count texts firstTexts write onHold seenFence nonce idempotencyCaller idempotencyKey idempotencyBody activityTtlMs now
-- Whole: windowMs maxWaitMs loopCycles loopWithinMs count activityTtlMs now?
-- Reply: judged decision rule restDecision restRule generation dueAt hintId running now nonce superseded claimedAt windowMs suppressed claimed
-- Reply: replayed decision rule restDecision restRule generation dueAt hintId running now nonce superseded claimedAt windowMs suppressed claimed
-- Reply: conflict
-- `replayed`: the first receipt again, without a hint: `nonce` or `idempotencyKey` is known. `conflict`: the key was used with
-- another body. `suppressed`: how many of the source its window has held back since `claimedAt`, these ones included;
-- `claimed`: 1 = the first of these has claimed it
-- `texts`: JSON of the reasons, actors and files of all, see addWhy, and of their trace, if they are traced;
-- `firstTexts`: of the first of several, which may be the only one that is owed.
-- `alternatives`: what to put in place of those from `windowMs` on, see chooseArguments.
-- `seenFence`: the last fencing token when what is complained of was seen; '' = now
-- Events: WORKSPACE_RESTART_COALESCED (first of an owed cycle), WORKSPACE_RESTART_DROPPED (first per window),
-- Events: WORKSPACE_RESTART_LOOP, WORKSPACE_RESTART_BUDGET_SPENT (once for what is owed),
-- Events: WORKSPACE_RESTART_REFUSED (now and then), WORKSPACE_RESTARTING_MID_WRITE, WORKSPACE_RESTART_CANCELED (a waiting retry is superseded)
-- Batch: remembered
-- Shared: due phases events recent source windowMs leading trailing maxWaitMs cooldown running automatic loopCycles
-- Shared: loopWithinMs quietHours ignoresQuietHours alternatives write onHold seenFence idempotencyCaller idempotencyKey idempotencyBody activityTtlMs now

local ECHOES_KEPT = 32

local now = clock()

-- A resent command, or a repeated request, finds its first receipt.
local recalled = recallAnswer(A.nonce, now)
if not recalled and A.idempotencyKey ~= '' then
  local record = receiptUnder(A.idempotencyCaller, A.idempotencyKey, now)
  if record then
    if record.body ~= A.idempotencyBody then return R.conflict() end
    recalled = record.receipt
  end
end
if recalled then
  -- A write, so that a WAIT after this call waits for the first one's, too.
  keepAnswer(A.nonce, recalled, now)
  return cjson.decode(recalled)
end

local fields = redis.call('HMGET', K.workspace, 'desired', 'runtime', 'parentPaused', 'tags')
local workspace = { desired = fields[1] or nil, runtime = fields[2] or nil, parentPaused = fields[3] or nil,
  tags = fields[4] or nil }
local state = readState(now)
chooseArguments(workspace)

local ends = redis.call('MGET', K.window, K.startedAt)
local windowEndsAt, cooldownEndsAt = tonumber(ends[1] or nil), tonumber(ends[2] or nil)
-- The clock was set back since it was claimed.
if windowEndsAt and windowEndsAt > now + tonumber(A.windowMs) then
  windowEndsAt = now + tonumber(A.windowMs)
  redis.call('DEL', K.window)
  if A.windowMs ~= '0' then redis.call('SET', K.window, digits(windowEndsAt), 'NX', 'PX', A.windowMs) end
end
local running = isRunning(state)
local refusal = refusalOf(workspace)

local source, windowMs, maxWaitMs, count = A.source, tonumber(A.windowMs), tonumber(A.maxWaitMs), tonumber(A.count)
local texts = cjson.decode(A.texts)
local reasons = texts.reason or {}
local leading, trailing = A.leading == '1', A.trailing == '1'
local held = ahead(state.heldUntil, now) and A.onHold ~= 'override'
if not refusal and held and A.onHold == 'refuse' then refusal = 'held' end

local cooling = ahead(cooldownEndsAt, now)
local byPerson = A.cooldown == 'ignore'
-- End of the window that the first of these has claimed.
local claimedUntil
local superseded = 0
local known
local wasScheduled = isScheduled(state, now)
local dueAtFirst = dueOf(state, cooldownEndsAt, now)
local due
local loopFound, lookedForLoop

-- An automatic trigger that comes soon after a restart is an echo of it. When the same source and reason echoed each of the
-- last restarts, with nothing else behind those in between, they cause each other: a loop. Dropped ones ask for nothing,
-- and do not count.
local function findLoop()
  if A.loopCycles == '0' or not state.lastRestart or state.deliberate or state.breaker then return nil end
  if not running and now >= tonumber(state.lastRestartEndsAt) + tonumber(A.loopWithinMs) then return nil end
  local echoes, kept, found = cjson.decode(state.echoes or '{}'), 0, nil
  for _ in pairs(echoes) do kept = kept + 1 end
  for _, reason in ipairs(#reasons > 0 and reasons or { '' }) do
    local name = source .. '|' .. reason
    if not echoes[name] and kept < ECHOES_KEPT then echoes[name], kept = {}, kept + 1 end
    local cycles = echoes[name] or {}
    if cycles[#cycles] ~= state.lastRestart then cycles[#cycles + 1] = state.lastRestart end
    if #cycles >= tonumber(A.loopCycles) then found = found or { source = source, reason = reason, cycles = cycles } end
  end
  setField(state, 'echoes', cjson.encode(echoes))
  return found
end

-- A person's request clears what earlier failures put in the way.
local function supersede()
  redis.call('SET', K.lastCycle, withMember(cjson.encode({ id = state.cycle, generation = tonumber(state.cycleGeneration),
    outcome = 'superseded', startedAt = tonumber(state.cycleStartedAt), endedAt = now,
    attempt = tonumber(state.attempt) }), 'covers', coversJson(K.covers) or '[]'), 'PX', A.activityTtlMs)
  if state.action == 'restart' then setField(state, 'owedAt', state.askedAt) end
  emit(A.id, 'WORKSPACE_RESTART_CANCELED', now, { outcome = 'superseded', cycle = state.cycle, source = source })
  owe(K.covers, K.why)
  clearCycle(state)
  superseded = 1
end

-- judge.ts' judge, rule by rule; docs/policies.md says what each means.
local function judge()
  -- 1. Refused: nothing is claimed.
  if refusal then return 'refused', refusal end
  -- A cycle that has begun since is what such a trigger asks for.
  if A.seenFence ~= '' and A.seenFence ~= state.fence then return 'dropped', 'running' end
  -- 2. A free window is claimed, whatever follows. A source without a window has nothing to lose.
  local wonWindow = windowMs == 0
  if windowMs > 0 and not ahead(windowEndsAt, now) then
    claimedUntil = now + windowMs
    wonWindow, windowEndsAt = true, claimedUntil
  end
  -- 3. The cycle under way, or about to be tried again, is what such a source complains about.
  if A.running == 'drop' and running then return 'dropped', 'running' end
  if A.running == 'drop' and state.retrying then return 'dropped', 'backoff' end
  -- 4. The window belongs to an earlier trigger.
  if not wonWindow and not trailing then return 'dropped', 'window' end
  -- 5. So soon after a restart such a source only sees what the restart did.
  if cooling and A.cooldown == 'drop' then return 'dropped', 'cooldown' end

  -- 6. It is owed.
  local wasOwed = state.owedAt
  local dueBefore = due or dueAtFirst
  local wasDue = not state.cycle and dueBefore and dueBefore <= now
  local idle = not wasOwed and not state.cycle and not cooling
  known = known or knownWhy(K.why, source, texts)
  local firstAt = known.summary and known.summary.firstAt or now
  setField(state, 'owedAt', wasOwed or now)
  if A.onHold == 'override' then setField(state, 'overrideHold', '1') end
  if A.automatic ~= '1' then
    setField(state, 'deliberate', '1')
    clearFields(state, { 'loop', 'echoes' })
  elseif not state.loop and not lookedForLoop then
    lookedForLoop, loopFound = true, findLoop()
    if loopFound then setField(state, 'loop', cjson.encode(loopFound)) end
  end
  local stuck = A.automatic == '1' and (state.loop or (state.breaker and not running))
  if byPerson and not running then
    if state.retrying then supersede() end
    clearFields(state, { 'failures', 'declines', 'declinedAt', 'backoffEndsAt', 'breaker', 'crashes' })
    stuck = false
  end
  if not stuck then
    if byPerson or A.ignoresQuietHours == '1' then setField(state, 'ignoreQuietHours', '1') end
    if trailing and not byPerson and not (leading and wonWindow and idle) then
      setField(state, 'quietEndsAt', math.max(tonumber(state.quietEndsAt) or 0, now + windowMs))
      setField(state, 'deadlineAt', math.min(tonumber(state.deadlineAt) or math.huge, firstAt + maxWaitMs))
    else
      setField(state, 'dueNowAt', state.dueNowAt or now)
      if byPerson then setField(state, 'ignoreCooldown', '1') end
    end
  end

  -- 7. When it may start.
  local because
  due, because = dueOf(state, cooldownEndsAt, now)
  -- 8. The decision, and the first rule that holds it back.
  if not state.cycle and not wasDue and due and due <= now then return 'fired', 'window' end
  if state.loop then return 'coalesced', 'loop' end
  if ahead(state.heldUntil, now) and not state.overrideHold then return 'coalesced', 'held' end
  if running then return 'coalesced', 'running' end
  if stuck then return 'coalesced', 'breaker' end
  if state.retrying or ahead(state.backoffEndsAt, now) then return 'coalesced', 'backoff' end
  if ahead(state.budgetUntil, now) and not state.ignoreCooldown then return 'coalesced', 'budget' end
  if because == 'quiet-hours' and due > now then return 'coalesced', 'quiet-hours' end
  if wasOwed then return 'coalesced', 'pending' end
  if cooling and not state.ignoreCooldown then return 'coalesced', 'cooldown' end
  return 'coalesced', 'window'
end

local decision, rule = judge()
local restDecision, restRule = decision, rule
if count > 1 then restDecision, restRule = judge() end
local isOwed = decision == 'fired' or decision == 'coalesced'
if isOwed and source == 'spec-change' then redis.call('HDEL', K.workspace, 'specAsk') end

if claimedUntil then
  -- A key whose end has passed may still be there: its PX runs on its own.
  redis.call('DEL', K.window)
  redis.call('SET', K.window, digits(claimedUntil), 'NX', 'PX', A.windowMs)
end

local function noteDrops(made, by, number)
  if made ~= 'dropped' or number == 0 then return end
  local field = 'drops:' .. source .. '|' .. by
  setField(state, field, countDrops(state[field], number, now))
end

-- For people: what the window held back, and what was dropped until a cycle's event tells it.
local suppressed = 0
if not refusal then
  suppressed = (claimedUntil and 0 or tonumber(state['suppressed:' .. source]) or 0)
    + (decision ~= 'fired' and 1 or 0) + (restDecision ~= 'fired' and count - 1 or 0)
  if windowMs > 0 then setField(state, 'suppressed:' .. source, suppressed) end
  noteDrops(decision, rule, 1)
  noteDrops(restDecision, restRule, count - 1)
end

local hintId
if isOwed then
  setField(state, 'generation', nextNumber(state.generation, now))
  if restDecision == 'fired' or restDecision == 'coalesced' then
    if superseded == 1 then known = knownWhy(K.why, source, texts) end
    addWhy(K.why, source, count, now, texts, known)
  else
    -- The others were dropped: the cycle covers the first alone.
    local own = cjson.decode(A.firstTexts)
    addWhy(K.why, source, 1, now, own, knownWhy(K.why, source, own))
  end
  local coalesced = decision == 'coalesced' or restDecision == 'coalesced'
  local tell = coalesced and not state.told
  if tell then setField(state, 'told', '1') end
  -- Whoever waits for an earlier due time looks again then; for a sooner one somebody must be told.
  if due and not state.cycle and (superseded == 1 or not dueAtFirst or due < dueAtFirst) then hintId = state.generation end
  -- Of the trigger that the cycle is due for: the first, or the one that brings it forward.
  if texts.trace and (hintId or not state.trace) then setField(state, 'trace', texts.trace) end
  if wasScheduled and isScheduled(state, now) and due then
    save()
    redis.call('ZADD', K.due, digits(due), A.id)
  else
    schedule(A.id, state, workspace, cooldownEndsAt, now)
  end
  if tell then
    emit(A.id, 'WORKSPACE_RESTART_COALESCED', now, { source = source, rule = decision == 'coalesced' and rule or restRule,
      generation = tonumber(state.generation), dueAt = due, cycle = state.cycle })
  end
  if loopFound then
    emit(A.id, 'WORKSPACE_RESTART_LOOP', now, { rule = 'loop', source = source, reason = loopFound.reason,
      cycles = loopFound.cycles, generation = tonumber(state.generation) })
  end
  tellBudget(A.id, state, now)
end

if decision == 'dropped' or restDecision == 'dropped' then
  local field = 'toldDropped:' .. source
  if not ahead(state[field], now) then
    local untilTime = now + 15000
    if ahead(windowEndsAt, now) then untilTime = windowEndsAt elseif cooling then untilTime = cooldownEndsAt end
    setField(state, field, untilTime)
    emit(A.id, 'WORKSPACE_RESTART_DROPPED', now, { source = source, rule = decision == 'dropped' and rule or restRule,
      untilAt = untilTime, cycle = state.cycle })
  end
  save()
  if not state.generation and redis.call('PTTL', K.state) == -1 then redis.call('PEXPIRE', K.state, A.activityTtlMs) end
end

-- An empty list would be written as an empty object.
local function listOrNil(list) return list and #list > 0 and list or nil end

-- A workspace that may not be restarted says so now and then; one nobody registered has nobody to tell.
if decision == 'refused' and workspace.desired and refusal ~= 'removed' then
  local field = 'toldRefused:' .. source
  if not ahead(state[field], now) then
    local isNew = next(state) == nil
    setField(state, field, now + 15000)
    save()
    if isNew then redis.call('PEXPIRE', K.state, A.activityTtlMs) end
    emit(A.id, 'WORKSPACE_RESTART_REFUSED', now, { source = source, rule = refusal, count = count,
      reasons = listOrNil(reasons) })
  end
end

if A.write == '1' and running then
  -- The activity has the first of a source and cycle; the cycle's end counts them.
  local field = 'midWrites:' .. source
  local told = state[field]
  setField(state, field, (tonumber(told) or 0) + count)
  emit(A.id, 'WORKSPACE_RESTARTING_MID_WRITE', now, { source = source, rule = rule, decision = decision,
    generation = tonumber(state.generation), cycle = state.cycle, count = count,
    reasons = listOrNil(reasons), files = listOrNil(texts.file) }, told)
end
save()

local told = { decision = decision, rule = rule, restDecision = restDecision, restRule = restRule,
  generation = state.generation or '0', dueAt = isOwed and due and digits(due), running = running and '1' or '0',
  now = digits(now), nonce = A.nonce, superseded = superseded,
  claimedAt = ahead(windowEndsAt, now) and digits(windowEndsAt - windowMs), windowMs = A.windowMs,
  suppressed = suppressed, claimed = claimedUntil and '1' or '0' }
if A.nonce ~= '' or A.idempotencyKey ~= '' then
  local receipt = cjson.encode(R.replayed(told))
  keepAnswer(A.nonce, receipt, now)
  -- A refusal is no promise: what refuses it may be over when it is asked for again.
  if A.idempotencyKey ~= '' and decision ~= 'refused' then
    keepReceipt(A.idempotencyCaller, A.idempotencyKey, { body = A.idempotencyBody, receipt = receipt }, now)
  end
end
told.hintId = hintId
return R.judged(told)
