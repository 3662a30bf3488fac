-- Ends a member, once, and stops the rollout when too many have failed. Fenced.
-- Uses: clock hash rollout
-- KEYS: rollout order members running active events
-- ARGV: id fence leaseMs workspace member now
-- Whole: leaseMs now?
-- `member`: JSON with its final status: done | failed | skipped
-- Reply: settled state
-- Reply: known
-- Reply: lost
-- Events: ROLLOUT_WORKSPACE_SETTLED, ROLLOUT_PAUSED, ROLLOUT_ABORTED, ROLLOUT_FINISHED

local now = clock()
local rollout = readHash(K.rollout)
if not isDriver(rollout, now) then return R.lost() end
if redis.call('SREM', K.running, A.workspace) == 0 then return R.known() end
local member = cjson.decode(A.member)
local known = redis.call('HGET', K.members, A.workspace)
member.startedAt = known and cjson.decode(known).startedAt or now
member.endedAt = now
redis.call('HSET', K.members, A.workspace, cjson.encode(member))
set(rollout, { [member.status] = numberOf(rollout, member.status) + 1 })
tell(rollout, 'ROLLOUT_WORKSPACE_SETTLED', A.workspace, now, { status = member.status, rule = member.rule,
  error = member.error, cycle = member.cycleId, durationMs = math.max(0, now - tonumber(member.startedAt)) })

local failed, isLeft = numberOf(rollout, 'failed'), numberOf(rollout, 'next') < numberOf(rollout, 'total')
if member.status == 'failed' and isLeft and (rollout.state == 'running' or rollout.state == 'paused') then
  if rollout.maxFailures and failed > numberOf(rollout, 'maxFailures') then
    stop(rollout, 'aborting', 'budget', now)
  elseif rollout.state == 'running' and numberOf(rollout, 'canaries') > 0 and not rollout.canariesPassed then
    stop(rollout, 'paused', 'canary', now)
  elseif rollout.state == 'running' and rollout.pauseOnFailure
    and failed - numberOf(rollout, 'forgiven') >= numberOf(rollout, 'pauseOnFailure') then
    stop(rollout, 'paused', 'failures', now)
  end
end
endIfDone(rollout, now)
return R.settled { state = rollout.state }
