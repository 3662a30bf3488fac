-- Sets what a workspace shall be; a cycle carries it out. Asking again for what already is changes nothing.
-- Uses: clock hash state refusal schedule events
-- KEYS: workspace state startedAt due phases events activity
-- ARGV: id desired from cascadeFrom actor reason activityTtlMs now
-- Whole: activityTtlMs now?
-- `desired`: running | paused | hibernated | removed
-- `from`: what it must be now, else 'mismatch'; '' = anything
-- `cascadeFrom`: the ancestor that takes it along, '' = asked for itself. A pause then takes what shall run, and a start
-- gives back what that ancestor's pause took, nothing else.
-- Reply: accepted generation hintId waitsFor
-- Reply: unchanged generation
-- Reply: mismatch desired
-- Reply: unknown
-- Reply: removing
-- `waitsFor`: the rule that keeps a start waiting, which begins by itself once that is over
-- Events: WORKSPACE_PAUSED (hibernated, too), WORKSPACE_RESUMED

local now = clock()
local workspace = readHash(K.workspace)
local state = readState(now)
local generation = tonumber(state.generation) or 0
local before = workspace.desired
if not before then return R.unknown() end
local cascades = A.cascadeFrom ~= ''
if before == A.desired then
  -- Whoever pauses it for itself makes the pause its own.
  if not cascades then redis.call('HDEL', K.workspace, 'pausedBy') end
  return R.unchanged { generation = generation }
end
if before == 'removed' then return R.removing() end
if A.from ~= '' and before ~= A.from then return R.mismatch { desired = before } end
local taken = A.desired == 'paused' and before == 'running' and workspace.runtime ~= 'external'
local givenBack = A.desired == 'running' and workspace.pausedBy == A.cascadeFrom
if cascades and not taken and not givenBack then return R.unchanged { generation = generation } end

workspace.desired = A.desired
redis.call('HSET', K.workspace, 'desired', A.desired)
if cascades and taken then
  redis.call('HSET', K.workspace, 'pausedBy', A.cascadeFrom)
else
  redis.call('HDEL', K.workspace, 'pausedBy')
end
if A.desired == 'removed' then redis.call('HSET', K.workspace, 'removedBy', A.actor) end
generation = nextNumber(state.generation, now)
set(state, { generation = generation, desireAt = now })
if isRunning(state) then set(state, { stopAsked = 1 }) end
schedule(A.id, state, workspace, tonumber(redis.call('GET', K.startedAt) or nil), now)

local events = { running = 'WORKSPACE_RESUMED', paused = 'WORKSPACE_PAUSED', hibernated = 'WORKSPACE_PAUSED' }
local waitsFor = A.desired == 'running' and refusalOf(workspace) or nil
if events[A.desired] then
  emit(A.id, events[A.desired], now, { desired = A.desired, generation = generation, actor = A.actor,
    reason = A.reason ~= '' and A.reason or nil, cascadeFrom = cascades and A.cascadeFrom or nil, waitsFor = waitsFor })
end
return R.accepted { generation = generation, hintId = generation, waitsFor = waitsFor }
