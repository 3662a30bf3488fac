-- Holds a workspace's restarts back for a while: triggers pile up, what runs goes on.
-- A hold belongs to whoever put it on; several stand side by side, and restarts are held until the last one ends. Holding
-- again by the same name sets one's own anew, longer or shorter.
-- It holds back what was asked for with force, too: that overrides the holds there were when it was asked.
-- Uses: clock hash state schedule holds events
-- KEYS: workspace state startedAt due phases events activity
-- ARGV: id hold holdMs actor reason renews activityTtlMs now
-- Whole: holdMs activityTtlMs now?
-- `hold`: its name; `renews`: 1 = the owner says again what it said before. Of a hold that stands only the end moves, and only
-- to later: nothing is told, and what was forced meanwhile stays forced.
-- Reply: held dueAt hintId now endsAt heldUntil
-- Reply: taken owner
-- Reply: too-many most
-- Reply: unknown
-- `hintId`: where it takes the place of a longer hold; `taken`: the name is that of somebody else's hold
-- Events: WORKSPACE_HELD

local now = clock()
local workspace = readHash(K.workspace)
if not workspace.desired then return R.unknown() end
local state = readState(now)
local holds = holdsOf(state, now)
local place = #holds + 1
for i, hold in ipairs(holds) do
  if hold.id == A.hold then place = i end
end
local standing = holds[place]
if standing and standing.owner ~= A.actor then return R.taken { owner = standing.owner } end
if place > HOLDS_KEPT then return R['too-many'] { most = HOLDS_KEPT } end

local cooldownEndsAt = tonumber(redis.call('GET', K.startedAt) or nil)
local before = wakeOf(state, workspace, cooldownEndsAt, now)
local endsAt = now + tonumber(A.holdMs)
local isAgain = standing and A.renews == '1'
if isAgain then
  endsAt = math.max(endsAt, standing.endsAt)
  standing.endsAt = endsAt
else
  holds[place] = { id = A.hold, owner = A.actor, reason = A.reason ~= '' and A.reason or nil, since = now, endsAt = endsAt }
  clearFields(state, { 'overrideHold' })
end
setHolds(state, holds)
local wake = schedule(A.id, state, workspace, cooldownEndsAt, now)
local heldUntil = tonumber(state.heldUntil)
if not isAgain then
  emit(A.id, 'WORKSPACE_HELD', now, { actor = A.actor, hold = A.hold, reason = A.reason ~= '' and A.reason or nil,
    endsAt = endsAt, heldUntil = heldUntil })
end
local told = woken(before, wake, now)
told.endsAt, told.heldUntil = endsAt, heldUntil
return R.held(told)
