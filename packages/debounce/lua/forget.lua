-- Forgets a workspace at once, without stopping what runs; a cycle under way loses its lease.
-- Uses: clock forgetting
-- KEYS: workspace workspaces state startedAt due phases hinted why covers journal lastCycle spent events activity idempotency idempotencyOrder shadow seen down
-- ARGV: id actor now
-- Whole: now?
-- Reply: forgotten
-- Reply: unknown
-- Events: WORKSPACE_REMOVED

local now = clock()
if redis.call('EXISTS', K.workspace) == 0 then return R.unknown() end
forget(A.id)
emitRemoved(A.id, now, { actor = A.actor, removed = true })
return R.forgotten()
