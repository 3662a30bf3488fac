-- Picks the next member to restart, if one may start now. Fenced.
-- Uses: clock hash rollout
-- KEYS: rollout order members running active events
-- ARGV: id fence leaseMs now
-- Whole: leaseMs now?
-- Reply: picked workspace
-- Reply: wait waitUntil
-- Reply: nothing state
-- Reply: lost
-- `wait` without a time: for one that runs to end
-- Events: ROLLOUT_CANARIES_PASSED, ROLLOUT_ABORTED (it takes longer than its budget), ROLLOUT_FINISHED

local now = clock()
local rollout = readHash(K.rollout)
if not isDriver(rollout, now) then return R.lost() end
cutTo(rollout, 'startedAt', now)
cutTo(rollout, 'nextStartAt', now + numberOf(rollout, 'splayMs'))
local nextPlace, total = numberOf(rollout, 'next'), numberOf(rollout, 'total')
if rollout.state == 'running' and rollout.maxDurationMs and nextPlace < total
  and now >= numberOf(rollout, 'startedAt') + numberOf(rollout, 'maxDurationMs') then
  stop(rollout, 'aborting', 'budget', now)
end
if rollout.state ~= 'running' or nextPlace >= total then
  endIfDone(rollout, now)
  return R.nothing { state = rollout.state }
end

-- A skipped canary has shown nothing: the next one takes its place.
local ended, canaries = numberOf(rollout, 'done') + numberOf(rollout, 'failed'), numberOf(rollout, 'canaries')
local allowed = numberOf(rollout, 'maxConcurrent')
if ended < canaries then
  allowed = math.min(allowed, canaries - ended)
elseif canaries > 0 and not rollout.canariesPassed then
  set(rollout, { canariesPassed = 1 })
  tell(rollout, 'ROLLOUT_CANARIES_PASSED', '', now)
end
if redis.call('SCARD', K.running) >= allowed then return R.wait {} end
if numberOf(rollout, 'nextStartAt') > now then return R.wait { waitUntil = numberOf(rollout, 'nextStartAt') } end

local workspace = redis.call('ZRANGE', K.order, nextPlace, nextPlace)[1]
set(rollout, { next = nextPlace + 1, nextStartAt = now + numberOf(rollout, 'splayMs') })
redis.call('SADD', K.running, workspace)
redis.call('HSET', K.members, workspace, cjson.encode({ status = 'starting', startedAt = now }))
return R.picked { workspace = workspace }
