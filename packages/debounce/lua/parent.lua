-- Marks a workspace as having a paused ancestor, or takes the mark away; what is owed waits meanwhile.
-- Uses: clock hash state schedule
-- KEYS: workspace state startedAt due phases
-- ARGV: id paused orphanOf activityTtlMs now
-- `orphanOf`: a parent that is gone; the workspace has none any more, unless it has got another one. '' = none is gone
-- Reply: {'marked'} | {'unknown'}

local now = clock()
if redis.call('EXISTS', K.workspace) == 0 then return { 'unknown' } end
if A.orphanOf ~= '' then
  if redis.call('HGET', K.workspace, 'parentId') ~= A.orphanOf then return { 'marked' } end
  redis.call('HDEL', K.workspace, 'parentId')
end
if A.paused == '1' then redis.call('HSET', K.workspace, 'parentPaused', 1) else redis.call('HDEL', K.workspace, 'parentPaused') end
local state = readState()
clearFields(state, { 'windowAnswers' })
schedule(A.id, state, readHash(K.workspace), tonumber(redis.call('GET', K.startedAt) or nil), now)
return { 'marked' }
