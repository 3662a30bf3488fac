-- Holds a workspace's restarts back for a while: triggers pile up, what runs goes on. Holding again sets the time anew.
-- It holds back what was asked for with force, too: that overrides the holds there were when it was asked.
-- Uses: clock hash state schedule events
-- KEYS: workspace state startedAt due phases events activity
-- ARGV: id holdMs actor reason activityTtlMs now
-- Whole: holdMs activityTtlMs now?
-- Reply: held dueAt hintId now heldUntil
-- Reply: unknown
-- Reply: removing
-- `hintId`: where it takes the place of a longer hold
-- Events: WORKSPACE_HELD

local now = clock()
local workspace = readHash(K.workspace)
if not workspace.desired then return R.unknown() end
if workspace.desired == 'removed' then return R.removing() end
local state = readState(now)
local cooldownEndsAt = tonumber(redis.call('GET', K.startedAt) or nil)
local before = wakeOf(state, workspace, cooldownEndsAt, now)
local heldUntil = now + tonumber(A.holdMs)
set(state, { heldUntil = heldUntil, heldBy = A.actor })
clearFields(state, { 'overrideHold' })
local wake = schedule(A.id, state, workspace, cooldownEndsAt, now)
emit(A.id, 'WORKSPACE_HELD', now, { actor = A.actor, reason = A.reason ~= '' and A.reason or nil, heldUntil = heldUntil })
local told = woken(before, wake, now)
told.heldUntil = heldUntil
return R.held(told)
