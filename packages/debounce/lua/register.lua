-- Creates a workspace's registry entry, or updates the fields given.
-- Uses: clock hash state schedule
-- KEYS: workspace workspaces state startedAt due phases
-- ARGV: id fields activityTtlMs now
-- `fields`: JSON object of strings; an empty string removes the field
-- Reply: {'created'} | {'updated'} | {'removing'}

local now = clock()
local desired = redis.call('HGET', K.workspace, 'desired')
if desired == 'removed' then return { 'removing' } end
for field, value in pairs(cjson.decode(A.fields)) do
  if value == '' then redis.call('HDEL', K.workspace, field) else redis.call('HSET', K.workspace, field, value) end
end
if desired then
  -- What is owed waits while the runtime is external, and no longer once it is not.
  local state = readState()
  clearFields(state, { 'windowAnswers' })
  schedule(A.id, state, readHash(K.workspace), tonumber(redis.call('GET', K.startedAt) or nil), now)
  return { 'updated' }
end
redis.call('HSET', K.workspace, 'desired', 'running', 'createdAt', now)
redis.call('ZADD', K.workspaces, 0, A.id)
return { 'created' }
