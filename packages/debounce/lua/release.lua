-- Ends holds: one's own, a named one, or all. Restarts go on once none is left. Releasing what is not there changes nothing.
-- Uses: clock hash state schedule holds events digits
-- KEYS: workspace state startedAt due phases events activity
-- ARGV: id which hold actor activityTtlMs now
-- Whole: activityTtlMs now?
-- `which`: own (the actor's, all of them) | named (`hold`, whoever's it is) | all
-- Reply: released dueAt hintId now heldUntil
-- Reply: not-held heldUntil
-- Reply: unknown
-- `heldUntil`: others' holds still stand until then
-- Events: WORKSPACE_RELEASED

local now = clock()
local workspace = readHash(K.workspace)
if not workspace.desired then return R.unknown() end
local state = readState(now)
local left, ended = {}, {}
for _, hold in ipairs(holdsOf(state, now)) do
  local ends = A.which == 'all' or (A.which == 'own' and hold.owner == A.actor) or (A.which == 'named' and hold.id == A.hold)
  local list = ends and ended or left
  list[#list + 1] = hold
end
setHolds(state, left)
local heldUntil = tonumber(state.heldUntil)
local wake = schedule(A.id, state, workspace, tonumber(redis.call('GET', K.startedAt) or nil), now)
if #ended == 0 then return R['not-held'] { heldUntil = heldUntil } end
local told = {}
for i, hold in ipairs(ended) do told[i] = { hold = hold.id, owner = hold.owner } end
emit(A.id, 'WORKSPACE_RELEASED', now, { actor = A.actor, released = told, heldUntil = heldUntil, dueAt = wake })
if not wake or isRunning(state) then return R.released { dueAt = wake, now = now, heldUntil = heldUntil } end
return R.released { dueAt = wake, hintId = 'r' .. digits(now), now = now, heldUntil = heldUntil }
