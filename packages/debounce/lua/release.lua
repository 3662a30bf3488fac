-- Ends a hold. Releasing what is not held changes nothing.
-- Uses: clock hash state schedule events digits
-- KEYS: workspace state startedAt due phases events activity
-- ARGV: id actor activityTtlMs now
-- Whole: activityTtlMs now?
-- Reply: released dueAt hintId now
-- Reply: not-held
-- Reply: unknown
-- Reply: removing
-- Events: WORKSPACE_RELEASED

local now = clock()
local workspace = readHash(K.workspace)
if not workspace.desired then return R.unknown() end
if workspace.desired == 'removed' then return R.removing() end
local state = readState(now)
local wasHeld = ahead(state.heldUntil, now)
clearFields(state, { 'heldUntil', 'heldBy' })
local wake = schedule(A.id, state, workspace, tonumber(redis.call('GET', K.startedAt) or nil), now)
if not wasHeld then return R['not-held']() end
emit(A.id, 'WORKSPACE_RELEASED', now, { actor = A.actor, dueAt = wake })
if not wake or isRunning(state) then return R.released { dueAt = wake, now = now } end
return R.released { dueAt = wake, hintId = 'r' .. digits(now), now = now }
