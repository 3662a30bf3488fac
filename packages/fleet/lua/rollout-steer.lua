-- A person pauses, resumes or aborts a rollout. Asking again for what already is changes nothing.
-- Uses: clock hash rollout
-- KEYS: rollout order members running active events
-- ARGV: id verb actor reason now
-- Whole: now?
-- `verb`: pause | resume | abort
-- Reply: steered isChanged
-- Reply: over state
-- Reply: unknown
-- Events: ROLLOUT_PAUSED, ROLLOUT_RESUMED, ROLLOUT_ABORTED, ROLLOUT_FINISHED

local now = clock()
local rollout = readHash(K.rollout)
local state = rollout.state
if not state then return R.unknown() end
if A.verb == 'abort' then
  if state == 'aborting' or state == 'aborted' then return R.steered { isChanged = 0 } end
  if isOver(rollout) then return R.over { state = state } end
  stop(rollout, 'aborting', 'person', now, A.actor, A.reason)
  endIfDone(rollout, now)
  return R.steered { isChanged = 1 }
end
if isOver(rollout) or state == 'aborting' then return R.over { state = state } end
if A.verb == 'pause' then
  if state == 'paused' then return R.steered { isChanged = 0 } end
  stop(rollout, 'paused', 'person', now, A.actor, A.reason)
  return R.steered { isChanged = 1 }
end
if state ~= 'paused' then return R.steered { isChanged = 0 } end
set(rollout, { state = rollout.prepared and 'running' or 'preparing', forgiven = numberOf(rollout, 'failed') })
redis.call('HDEL', K.rollout, 'stoppedBy', 'stoppedAt', 'stoppedActor', 'stoppedFor')
redis.call('SADD', K.active, A.id)
tell(rollout, 'ROLLOUT_RESUMED', '', now, { actor = A.actor })
return R.steered { isChanged = 1 }
