-- Sets what a workspace shall be; a cycle carries it out. Asking again for what already is changes nothing.
-- KEYS: workspace state startedAt due phases events activity
-- ARGV: id desired actor reason activityTtlMs now
-- `desired`: running | paused | hibernated | removed
-- Reply: {'accepted', generation, hintId} | {'unchanged', generation} | {'unknown'} | {'removing'}
-- Events: WORKSPACE_PAUSED (hibernated, too), WORKSPACE_RESUMED

local now = clock()
local workspace = readHash(K.workspace)
local state = readHash(K.state)
local generation = tonumber(state.generation) or 0
if not workspace.desired then return { 'unknown' } end
if workspace.desired == A.desired then return { 'unchanged', generation } end
if workspace.desired == 'removed' then return { 'removing' } end

workspace.desired = A.desired
redis.call('HSET', K.workspace, 'desired', A.desired)
generation = nextNumber(state.generation, now)
set(state, { generation = generation, desireAt = now, hintId = generation, hintDue = now })
if isRunning(state) then set(state, { stopAsked = 1 }) end
schedule(A.id, state, workspace, tonumber(redis.call('GET', K.startedAt) or nil), now)

local events = { running = 'WORKSPACE_RESUMED', paused = 'WORKSPACE_PAUSED', hibernated = 'WORKSPACE_PAUSED' }
if events[A.desired] then
  local payload = { desired = A.desired, generation = generation, actor = A.actor }
  if A.reason ~= '' then payload.reason = A.reason end
  emit(A.id, events[A.desired], now, payload)
end
return { 'accepted', generation, generation }
