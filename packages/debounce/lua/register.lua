-- Creates a workspace's registry entry, or updates the fields given.
-- Uses: clock hash state schedule
-- KEYS: workspace workspaces state startedAt due phases
-- ARGV: id fields activityTtlMs now
-- Whole: activityTtlMs now?
-- `fields`: JSON object of strings; an empty string removes the field
-- Reply: created
-- Reply: updated dueAt hintId now
-- Reply: removing

local now = clock()
local before = readHash(K.workspace)
if before.desired == 'removed' then return R.removing() end
for field, value in pairs(cjson.decode(A.fields)) do
  if value == '' then redis.call('HDEL', K.workspace, field) else redis.call('HSET', K.workspace, field, value) end
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
