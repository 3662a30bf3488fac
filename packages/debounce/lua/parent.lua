-- Marks a workspace as having a paused ancestor, or takes the mark away; what is owed waits meanwhile.
-- Uses: clock hash state schedule
-- KEYS: workspace state startedAt due phases
-- ARGV: id paused orphanOf activityTtlMs now
-- Whole: activityTtlMs now?
-- `orphanOf`: a parent that is gone; the workspace has none any more, unless it has got another one. '' = none is gone
-- Reply: marked dueAt hintId now
-- Reply: unknown

local now = clock()
if redis.call('EXISTS', K.workspace) == 0 then return R.unknown() end
local workspace = readHash(K.workspace)
if A.orphanOf ~= '' then
  if workspace.parentId ~= A.orphanOf then return R.marked { now = now } end
  redis.call('HDEL', K.workspace, 'parentId')
end
local state = readState(now)
local cooldownEndsAt = tonumber(redis.call('GET', K.startedAt) or nil)
local before = wakeOf(state, workspace, cooldownEndsAt, now)
if A.paused == '1' then redis.call('HSET', K.workspace, 'parentPaused', 1) else redis.call('HDEL', K.workspace, 'parentPaused') end
workspace.parentPaused = A.paused == '1' and '1' or nil
return R.marked(woken(before, schedule(A.id, state, workspace, cooldownEndsAt, now), now))
