-- Makes what is owed due now: it no longer waits for window, cooldown or backoff. A running cycle is waited for.
-- Uses: clock hash state refusal schedule events digits
-- KEYS: workspace state startedAt due phases events activity
-- ARGV: id actor activityTtlMs now
-- Whole: activityTtlMs now?
-- Reply: flushed dueAt hintId now
-- Reply: nothing-owed
-- Reply: held
-- Reply: refused rule
-- Reply: unknown
-- Events: WORKSPACE_RESTART_FLUSHED

local now = clock()
local workspace = readHash(K.workspace)
if not workspace.desired then return R.unknown() end
local refusal = refusalOf(workspace)
if refusal then return R.refused { rule = refusal } end
local state = readState(now)
local retrying = state.retrying and state.action == 'restart'
if not state.owedAt and not retrying then return R['nothing-owed']() end
if ahead(state.heldUntil, now) then return R.held() end

if state.owedAt then
  set(state, { dueNowAt = math.min(tonumber(state.dueNowAt) or now, now), ignoreCooldown = 1, deliberate = 1, ignoreQuietHours = 1 })
end
if retrying then set(state, { backoffEndsAt = now }) else clearFields(state, { 'backoffEndsAt' }) end
clearFields(state, { 'loop' })
local wake = schedule(A.id, state, workspace, tonumber(redis.call('GET', K.startedAt) or nil), now)
emit(A.id, 'WORKSPACE_RESTART_FLUSHED', now, { actor = A.actor, dueAt = wake, cycle = state.cycle })
if isRunning(state) then return R.flushed { dueAt = now, now = now } end
return R.flushed { dueAt = wake, hintId = 'f' .. digits(now), now = now }
