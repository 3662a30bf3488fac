-- Ends an attempt at a cycle, fenced.
-- Uses: clock hash state schedule why drops events budget digits forgetting
-- KEYS: workspace workspaces state startedAt due phases hinted why covers journal lastCycle spent events activity idempotency idempotencyOrder recent shadow seen down
-- ARGV: id fence outcome retryable error instance backoffMs maxBackoffMs breakerAfter jitter pauseMs steps specUsed specSha
-- ARGV: budgetCycles budgetDowntimeMs activityTtlMs now
-- Whole: backoffMs maxBackoffMs breakerAfter pauseMs budgetCycles budgetDowntimeMs activityTtlMs now?
-- `outcome`: ok | failed | declined | canceled | handover. A handover ends the lease, not the cycle: the next worker
-- takes it over at once, or after `pauseMs`. A retryable failure keeps the cycle for another attempt, until the breaker opens.
-- A cycle that stopped without having been asked to has failed.
-- `jitter`: 0 to 1, shortens the backoff by up to half.
-- `specUsed`: JSON of what it was started with, field by field; `specSha`: SHA-1 of the spec as it was at the begin
-- Batch: remembered
-- Shared: workspaces due phases hinted events recent seen down backoffMs maxBackoffMs breakerAfter pauseMs budgetCycles budgetDowntimeMs
-- Shared: activityTtlMs now
-- Reply: ended what dueAt durationMs stillDeclined
-- Reply: lost
-- `what`: ok | retry | failed | declined | canceled | handover | removed; `dueAt`: the next wake-up;
-- `stillDeclined`: 1 = it was declined as often in a row as failures open the breaker
-- Events: WORKSPACE_ONLINE, WORKSPACE_OFFLINE, WORKSPACE_RESTART_FAILED, WORKSPACE_RESTART_DECLINED,
-- Events: WORKSPACE_RESTART_STILL_DECLINED, WORKSPACE_RESTART_CANCELED, WORKSPACE_RESTART_BUDGET_SPENT, WORKSPACE_REMOVED

local now = clock()
local at = digits(now)
local state = readState(now)
if state.fence ~= A.fence or not state.owner then return R.lost() end
local workspace = readHash(K.workspace)
local cooldownEndsAt = tonumber(redis.call('GET', K.startedAt) or nil)
local duration = math.max(0, now - state.cycleStartedAt)

local function answer(what, dueAt, told)
  return R.ended { what = what, dueAt = dueAt and digits(dueAt), durationMs = digits(duration),
    stillDeclined = told and '1' or '0' }
end

if A.outcome == 'handover' then
  clearFields(state, { 'owner' })
  local dueAt = now + A.pauseMs
  set(state, { leaseEndsAt = dueAt, steps = A.steps ~= '' and A.steps or nil })
  save()
  redis.call('ZADD', K.due, digits(dueAt), A.id)
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
-- What a stop has cost is no reason to give a restart up, and nor is what was declined: it touched nothing.
local counter = not isStart and 'stopFailures' or outcome == 'declined' and 'declines' or 'failures'
local failures = failed and (tonumber(state[counter]) or 0) + 1 or 0
-- With the breaker open, a restart has one attempt. A stop is tried until it works, for that is how it shall be.
local opens = outcome == 'failed' and isStart
  and (state.breaker or failures >= tonumber(A.breakerAfter) or A.retryable == '0')
local retryAt
if failed then
  local backoff = math.min(tonumber(A.maxBackoffMs), tonumber(A.backoffMs) * 2 ^ math.min(failures - 1, 30))
  retryAt = math.floor(now + backoff * (1 - tonumber(A.jitter) / 2))
  set(state, { [counter] = failures, [isStart and 'backoffEndsAt' or 'stopRetryAt'] = retryAt })
end
if opens then set(state, { breaker = 1 }) end
local declines = outcome == 'declined' and failures or nil
if not declines then clearFields(state, { 'declines', 'declinedAt' })
elseif declines == 1 then set(state, { declinedAt = now }) end
local stillDeclined = declines == tonumber(A.breakerAfter)

local record = { cycle = state.cycle, generation = tonumber(state.cycleGeneration), attempt = tonumber(state.attempt),
  action = state.action, outcome = outcome, declines = declines, startedAt = tonumber(state.cycleStartedAt),
  askedAt = tonumber(state.askedAt), durationMs = duration }
if A.error ~= '' then record.error = A.error elseif unasked then record.error = 'stopped without having been asked to' end
-- What is JSON already is put in as it is.
local instance = A.instance ~= '' and A.instance or nil
local steps = A.steps ~= '' and A.steps or nil
if state.lostSteps then
  -- Those of attempts whose worker was lost come first, each with its attempt.
  local all = cjson.decode(state.lostSteps)
  for _, step in ipairs(steps and cjson.decode(steps) or {}) do all[#all + 1] = step end
  steps = #all > 0 and cjson.encode(all) or nil
end
clearFields(state, { 'steps', 'lostSteps' })

local function recordJson(covers)
  local json = withMember(cjson.encode(record), 'instance', instance)
  json = withMember(json, 'instanceBefore', workspace.instance)
  return withMember(withMember(json, 'steps', steps), 'covers', covers)
end

if outcome == 'failed' and not opens then
  clearFields(state, { 'owner', 'leaseEndsAt', 'stopAsked' })
  set(state, { retrying = 1 })
  record.retryAt = retryAt
  redis.call('HSET', K.workspace, 'status', 'failed')
  local wake = schedule(A.id, state, workspace, cooldownEndsAt, now)
  emit(A.id, 'WORKSPACE_RESTART_FAILED', now, recordJson())
  return answer('retry', wake)
end

-- From here on the cycle is over.
record.midWrites = midWrites(state)
-- Somebody canceled it, and it was past its last safe point.
local tooLate = outcome == 'ok' and canceledTo and true or nil
record.cancelTooLate = tooLate
local dropped, dropFields = dropsOf(state)
record.dropped = dropped
if dropped then clearFields(state, dropFields) end
local covers = coversJson(K.covers)
local action, generation = state.action, tonumber(state.cycleGeneration)

if action == 'restart' then
  if outcome == 'declined' then
    -- It touched nothing: it was no restart.
    clearFields(state, { 'lastRestart', 'lastRestartEndsAt' })
    redis.call('HDEL', K.spent, record.cycle)
  else
    set(state, { lastRestartEndsAt = math.max(tonumber(state.lastRestartEndsAt) or 0, now) })
    if hasBudget() then spend(record.cycle, record.startedAt, duration) end
  end
  reckonBudget(state, now)
end

if outcome == 'ok' then
  if isStart and redis.call('EXISTS', K.shadow) == 1 then redis.call('HSET', K.shadow, 'cycleMs', digits(duration)) end
  if isStart then set(state, { observed = math.max(generation, canceledTo or 0) }) end
  clearFields(state, { 'failures', 'backoffEndsAt', 'breaker', 'journalOf' })
  redis.call('DEL', K.covers, K.journal)
elseif canceledTo then
  set(state, { observed = math.max(generation, canceledTo) })
  redis.call('DEL', K.covers)
elseif covers or (isStart and failed) then
  -- Not covered after all: owed again. Only a declined or canceled cycle comes back by itself, after the backoff.
  owe(K.covers, K.why)
  set(state, { owedAt = state.askedAt })
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

redis.call('SET', K.lastCycle, withMember(cjson.encode({ id = record.cycle, generation = generation, action = action,
  outcome = outcome, startedAt = record.startedAt, endedAt = now, attempt = record.attempt,
  error = record.error, cancelTooLate = tooLate }), 'covers', covers), 'PX', A.activityTtlMs)
clearCycle(state)

if outcome == 'failed' then redis.call('HSET', K.workspace, 'status', 'failed') end
if outcome == 'ok' then
  local status = isStart and 'online' or 'offline'
  if isStart and instance then
    redis.call('HSET', K.workspace, 'status', status, 'instance', instance)
  elseif workspace.status ~= status then
    redis.call('HSET', K.workspace, 'status', status)
  end
  if not isStart then redis.call('HDEL', K.workspace, 'instance') end
  -- What was seen of it is no longer so.
  redis.call('HDEL', K.workspace, 'downAt', 'downSeen', 'stray')
  if isStart and A.specUsed ~= '' then redis.call('HSET', K.workspace, 'specUsed', A.specUsed) end
  if not isStart then redis.call('HDEL', K.workspace, 'specUsed') end
  -- A spec that was changed meanwhile is not what runs now.
  if not isStart or redis.sha1hex(workspace.spec or '') == A.specSha then
    redis.call('HDEL', K.workspace, 'drift', 'specAsk', 'specHeld')
  end
  redis.call('ZREM', K.down, A.id)
  if isStart then redis.call('ZADD', K.seen, at, A.id) else redis.call('ZREM', K.seen, A.id) end
end

-- What an unfinished cycle left behind concerns the next one.
if outcome ~= 'ok' then redis.call('PEXPIRE', K.journal, A.activityTtlMs) end

local wake = schedule(A.id, state, workspace, cooldownEndsAt, now)
local events = { ok = isStart and 'WORKSPACE_ONLINE' or 'WORKSPACE_OFFLINE', failed = 'WORKSPACE_RESTART_FAILED',
  declined = 'WORKSPACE_RESTART_DECLINED', canceled = 'WORKSPACE_RESTART_CANCELED' }
record.nextDueAt = wake
if isStart and (outcome == 'ok' or canceledTo) then record.observed = tonumber(state.observed) end
emit(A.id, events[outcome], now, recordJson(covers))
if stillDeclined then
  emit(A.id, 'WORKSPACE_RESTART_STILL_DECLINED', now, { cycle = record.cycle, generation = generation, declines = declines,
    firstDeclinedAt = tonumber(state.declinedAt), error = record.error, nextDueAt = wake })
end
tellBudget(A.id, state, now)
save()
return answer(outcome, wake, stillDeclined)
