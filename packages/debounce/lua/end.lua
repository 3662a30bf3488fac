-- Ends an attempt at a cycle, fenced.
-- Uses: clock hash state schedule why drops events budget recall forgetting
-- KEYS: workspace workspaces state startedAt due phases hinted why covers journal lastCycle spent events activity idempotency recent shadow
-- ARGV: id fence outcome retryable error instance backoffMs maxBackoffMs breakerAfter jitter pauseMs steps
-- ARGV: budgetCycles budgetDowntimeMs nonce activityTtlMs now
-- `outcome`: ok | failed | declined | canceled | handover. A handover ends the lease, not the cycle: the next worker
-- takes it over at once, or after `pauseMs`. A retryable failure keeps the cycle for another attempt, until the breaker opens.
-- A cycle that stopped without having been asked to has failed.
-- `jitter`: 0 to 1, shortens the backoff by up to half. `nonce` names the call: sent again, it is answered as at first.
-- Shared: workspaces due phases hinted events recent breakerAfter pauseMs activityTtlMs now
-- Reply: {'ended', what, dueAt|'', durationMs} | {'lost'}
-- Reply: what: 'ok' | 'retry' | 'failed' | 'declined' | 'canceled' | 'handover' | 'removed'; dueAt: the next wake-up
-- Events: WORKSPACE_ONLINE, WORKSPACE_OFFLINE, WORKSPACE_RESTART_FAILED, WORKSPACE_RESTART_DECLINED,
-- Events: WORKSPACE_RESTART_CANCELED, WORKSPACE_RESTART_BUDGET_SPENT, WORKSPACE_REMOVED

local now = clock()
local recalled = recallAnswer(A.nonce, now)
if recalled then return cjson.decode(recalled) end
local state = readHash(K.state)
if state.fence ~= A.fence or not state.owner then return { 'lost' } end
local workspace = readHash(K.workspace)
local cooldownEndsAt = tonumber(redis.call('GET', K.startedAt) or nil)
local duration = now - tonumber(state.cycleStartedAt)

local function answer(what, dueAt)
  local reply = { 'ended', what, dueAt or '', duration }
  keepAnswer(A.nonce, cjson.encode(reply), now)
  return reply
end

if A.outcome == 'handover' then
  clearFields(state, { 'owner' })
  local dueAt = now + tonumber(A.pauseMs)
  set(state, { leaseEndsAt = dueAt })
  if A.steps ~= '' then set(state, { steps = A.steps }) end
  redis.call('ZADD', K.due, dueAt, A.id)
  return answer('handover', dueAt)
end

if A.outcome == 'ok' and state.action == 'remove' then
  forget(A.id)
  emitRemoved(A.id, now, { cycle = state.cycle, actor = workspace.removedBy, removed = true })
  return answer('removed')
end

local outcome = A.outcome
local canceledTo = tonumber(state.canceledTo)
-- A canceled cycle that fails has stopped: it is not tried again.
if canceledTo and outcome ~= 'ok' then outcome = 'canceled' end
local unasked = outcome == 'canceled' and not state.stopAsked and not canceledTo
if unasked then outcome = 'failed' end
local failed = outcome == 'failed' or outcome == 'declined'
local isStart = state.action == 'restart'
-- What a stop has cost is no reason to give a restart up.
local counter = isStart and 'failures' or 'stopFailures'
local failures = failed and (tonumber(state[counter]) or 0) + 1 or 0
-- With the breaker open, a restart has one attempt. A stop is tried until it works, for that is how it shall be.
local opens = failed and isStart
  and (state.breaker or failures >= tonumber(A.breakerAfter) or (outcome == 'failed' and A.retryable == '0'))
local retryAt
if failed then
  local backoff = math.min(tonumber(A.maxBackoffMs), tonumber(A.backoffMs) * 2 ^ math.min(failures - 1, 30))
  retryAt = math.floor(now + backoff * (1 - tonumber(A.jitter) / 2))
  set(state, { [counter] = failures, [isStart and 'backoffEndsAt' or 'stopRetryAt'] = retryAt })
end
if opens then set(state, { breaker = 1 }) end

local record = { cycle = state.cycle, generation = tonumber(state.cycleGeneration), attempt = tonumber(state.attempt),
  action = state.action, outcome = outcome, started_at = tonumber(state.cycleStartedAt),
  asked_at = tonumber(state.askedAt), duration_ms = duration }
if A.error ~= '' then record.error = A.error elseif unasked then record.error = 'stopped without having been asked to' end
if A.instance ~= '' then record.instance = cjson.decode(A.instance) end
if workspace.instance then record.instance_before = cjson.decode(workspace.instance) end
-- Those of attempts whose worker was lost come first, each with its attempt.
local steps = cjson.decode(state.lostSteps or '[]')
for _, step in ipairs(A.steps ~= '' and cjson.decode(A.steps) or {}) do steps[#steps + 1] = step end
if #steps > 0 then record.steps = steps end
clearFields(state, { 'steps', 'lostSteps' })

if outcome == 'failed' and not opens then
  clearFields(state, { 'owner', 'leaseEndsAt', 'stopAsked' })
  set(state, { retrying = 1 })
  record.retry_at = retryAt
  redis.call('HSET', K.workspace, 'status', 'failed')
  local wake = schedule(A.id, state, workspace, cooldownEndsAt, now)
  emit(A.id, 'WORKSPACE_RESTART_FAILED', now, record)
  return answer('retry', wake)
end

-- From here on the cycle is over.
record.mid_writes = midWrites(state)
-- Somebody canceled it, and it was past its last safe point.
local tooLate = outcome == 'ok' and canceledTo and true or nil
record.cancel_too_late = tooLate
record.dropped = takeDrops(state)
local covers = whyList(K.covers)
if #covers > 0 then record.covers = covers end
local action, generation = state.action, tonumber(state.cycleGeneration)

if outcome == 'ok' then
  if isStart and redis.call('EXISTS', K.shadow) == 1 then redis.call('HSET', K.shadow, 'cycleMs', duration) end
  if isStart then set(state, { observed = math.max(generation, canceledTo or 0) }) end
  clearFields(state, { 'failures', 'backoffEndsAt', 'breaker' })
  clearFields(state, { 'journalOf' })
  redis.call('DEL', K.covers, K.journal)
elseif canceledTo then
  set(state, { observed = math.max(generation, canceledTo) })
  redis.call('DEL', K.covers)
elseif redis.call('EXISTS', K.covers) == 1 or (isStart and failed) then
  -- Not covered after all: owed again. Only a declined or canceled cycle comes back by itself, after the backoff.
  owe(K.covers, K.why)
  set(state, { owedSince = state.askedAt })
  if not opens then
    set(state, { dueNowAt = state.dueNowAt or now })
  elseif not state.deliberate then
    -- Nothing automatic starts with the breaker open, not even what came while it was closed.
    clearFields(state, { 'dueNowAt', 'quietEndsAt', 'deadlineAt' })
  end
elseif failed and not isStart then
  -- Nothing is owed for a stop, but the desired state still wants it.
  set(state, { desireAt = state.desireAt or retryAt })
end

redis.call('SET', K.lastCycle, cjson.encode({ id = record.cycle, generation = generation, action = action,
  outcome = outcome, startedAt = record.started_at, endedAt = now, attempt = record.attempt,
  error = record.error, cancelTooLate = tooLate, covers = record.covers }), 'PX', A.activityTtlMs)
clearCycle(state)

if outcome == 'failed' then redis.call('HSET', K.workspace, 'status', 'failed') end
if outcome == 'ok' then
  redis.call('HSET', K.workspace, 'status', isStart and 'online' or 'offline')
  if isStart and A.instance ~= '' then redis.call('HSET', K.workspace, 'instance', A.instance) end
  if not isStart then redis.call('HDEL', K.workspace, 'instance') end
end

if action == 'restart' then
  if outcome == 'declined' then
    -- It touched nothing: it was no restart.
    clearFields(state, { 'lastRestart', 'lastRestartEndsAt' })
    redis.call('HDEL', K.spent, record.cycle)
  else
    set(state, { lastRestartEndsAt = math.max(tonumber(state.lastRestartEndsAt) or 0, now) })
    if hasBudget() then spend(record.cycle, record.started_at, duration) end
  end
  reckonBudget(state, now)
end

-- What an unfinished cycle left behind concerns the next one.
if outcome ~= 'ok' then redis.call('PEXPIRE', K.journal, A.activityTtlMs) end

local wake = schedule(A.id, state, workspace, cooldownEndsAt, now)
local events = { ok = isStart and 'WORKSPACE_ONLINE' or 'WORKSPACE_OFFLINE', failed = 'WORKSPACE_RESTART_FAILED',
  declined = 'WORKSPACE_RESTART_DECLINED', canceled = 'WORKSPACE_RESTART_CANCELED' }
record.next_due_at = wake
if isStart and (outcome == 'ok' or canceledTo) then record.observed = tonumber(state.observed) end
emit(A.id, events[outcome], now, record)
tellBudget(A.id, state, now)
return answer(outcome, wake)
