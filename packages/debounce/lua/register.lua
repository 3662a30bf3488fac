-- Creates a workspace's registry entry, or updates the fields given.
-- Uses: clock hash state schedule events
-- KEYS: workspace workspaces state startedAt due phases events activity
-- ARGV: id fields drift restart activityTtlMs now
-- Whole: activityTtlMs now?
-- `fields`: JSON object of strings; an empty string removes the field
-- `drift`: JSON list of the fields in which what runs differs from its new spec; '' = nothing is known of what runs, or the
-- spec stays. `restart`: 1 = that owes a restart, which a trigger of source spec-change asks for
-- Reply: created
-- Reply: updated dueAt hintId now
-- Reply: removing
-- Events: WORKSPACE_DRIFTED

local now = clock()
local drift = A.drift ~= '' and cjson.decode(A.drift)
local before = readHash(K.workspace)
if before.desired == 'removed' then return R.removing() end
for field, value in pairs(cjson.decode(A.fields)) do
  if value == '' then redis.call('HDEL', K.workspace, field) else redis.call('HSET', K.workspace, field, value) end
end
if drift and before.specUsed then
  local known = before.drift and cjson.decode(before.drift)
  redis.call('HDEL', K.workspace, 'drift', 'specAsk', 'specHeld')
  if #drift > 0 then
    redis.call('HSET', K.workspace, 'drift', cjson.encode { fields = drift, since = known and known.since or now },
      A.restart == '1' and 'specAsk' or 'specHeld', '1')
    if not known or table.concat(known.fields, ' ') ~= table.concat(drift, ' ') then
      emit(A.id, 'WORKSPACE_DRIFTED', now, { fields = drift, restart = A.restart == '1' })
    end
  end
end
if before.desired then
  -- What is owed waits while the runtime is external, and no longer once it is not.
  local state = readState(now)
  local cooldownEndsAt = tonumber(redis.call('GET', K.startedAt) or nil)
  local wakeBefore = wakeOf(state, before, cooldownEndsAt, now)
  local wake = schedule(A.id, state, readHash(K.workspace), cooldownEndsAt, now)
  return R.updated(woken(wakeBefore, wake, now))
end
redis.call('HSET', K.workspace, 'desired', 'running', 'createdAt', now)
redis.call('ZADD', K.workspaces, 0, A.id)
return R.created()
