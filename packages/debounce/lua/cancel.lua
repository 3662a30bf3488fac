-- Drops what is owed. A running cycle is asked to stop at its next safe point; its triggers are canceled only if it does.
-- Uses: clock hash state schedule why events
-- KEYS: workspace state startedAt due phases why covers journal lastCycle events activity
-- ARGV: id actor reason activityTtlMs now
-- Whole: activityTtlMs now?
-- Reply: canceled triggers ended
-- Reply: stopping triggers cycle
-- Reply: nothing-owed
-- Reply: unknown
-- `triggers`: how many were owed and are no more; `ended`: 1 = a cycle that waited for its retry is over; `stopping`: a cycle
-- runs and was asked to stop
-- Events: WORKSPACE_RESTART_CANCELED

local now = clock()
local workspace = readHash(K.workspace)
if not workspace.desired then return R.unknown() end
local state = readState(now)
local running = isRunning(state) and state.action == 'restart'
-- Asked again, with nothing owed since: it was told, and stops or not.
if running and state.canceledTo and not state.owedAt then return R.stopping { triggers = 0, cycle = state.cycle } end
local retrying = state.retrying and state.action == 'restart'
if not state.owedAt and not running and not retrying then return R['nothing-owed']() end

local dropped = whyList(K.why)
if retrying then
  for _, covered in ipairs(coversList(K.covers)) do dropped[#dropped + 1] = covered end
  redis.call('SET', K.lastCycle, cjson.encode({ id = state.cycle, generation = tonumber(state.cycleGeneration),
    action = state.action, outcome = 'canceled', startedAt = tonumber(state.cycleStartedAt), endedAt = now,
    attempt = tonumber(state.attempt) }), 'PX', A.activityTtlMs)
  redis.call('DEL', K.covers)
  redis.call('PEXPIRE', K.journal, A.activityTtlMs)
  clearCycle(state)
end
redis.call('DEL', K.why)
clearFields(state, OWED_FIELDS)
clearFields(state, { 'failures', 'declines', 'declinedAt', 'backoffEndsAt', 'breaker' })
local generation = tonumber(state.generation) or 0
if running then
  set(state, { stopAsked = 1, canceledTo = generation })
else
  set(state, { observed = generation })
end
schedule(A.id, state, workspace, tonumber(redis.call('GET', K.startedAt) or nil), now)

local triggers = 0
for _, covered in ipairs(dropped) do triggers = triggers + covered.count end
local payload = { actor = A.actor, generation = generation, observed = not running and generation or nil, triggers = triggers, running = running and true or false,
  cycle = running and state.cycle or nil }
if A.reason ~= '' then payload.reason = A.reason end
if #dropped > 0 then payload.canceled = dropped end
emit(A.id, 'WORKSPACE_RESTART_CANCELED', now, payload)
if running then return R.stopping { triggers = triggers, cycle = state.cycle } end
return R.canceled { triggers = triggers, ended = retrying and 1 or 0 }
