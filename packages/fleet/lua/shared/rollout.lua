local EVENTS_KEPT = 10000

-- The rollout hash, field by field (absent = zero, no or none):
--   state                       preparing | running | paused | aborting | finished | aborted
--   stoppedBy                   what paused or aborted it: person, canary, failures, budget or size; with it:
--   stoppedAt stoppedActor stoppedFor       since when, who and why
--   body                        of the request, hashed: the same Idempotency-Key with another body is a conflict
--   source reason actor selector maxConcurrent splayMs canary pauseOnFailure maxFailures maxDurationMs keepMs  as asked
--   createdAt startedAt endedAt
--   cursor prepared             how far the list of members was built; it is whole
--   total next                  members; the place in the order of the next one to start
--   done failed skipped         how many members ended so
--   canaries canariesPassed     as many must have ended before the others start; they have
--   forgiven                    failures that a person has seen and gone on
--   nextStartAt                 no member starts before
--   driver driverUntil fence    who advances it, until when; the last fencing token handed out
local function set(rollout, fields)
  local flat = {}
  for field, value in pairs(fields) do
    flat[#flat + 1] = field
    flat[#flat + 1] = value
    rollout[field] = value
  end
  redis.call('HSET', K.rollout, unpack(flat))
end

local function numberOf(rollout, field) return tonumber(rollout[field]) or 0 end

-- A time that no rule lets be later was written before the clock was set back.
local function cutTo(rollout, field, latest)
  if numberOf(rollout, field) > latest then set(rollout, { [field] = latest }) end
end

local function isOver(rollout) return rollout.state == 'finished' or rollout.state == 'aborted' end

-- Whether the caller may advance the rollout. If so, it may for another lease.
local function isDriver(rollout, now)
  if not rollout.fence or rollout.fence ~= A.fence or isOver(rollout) then return false end
  set(rollout, { driverUntil = now + tonumber(A.leaseMs) })
  return true
end

local function tell(rollout, event, workspace, now, more)
  local running = redis.call('SCARD', K.running)
  local payload = { rollout = A.id, state = rollout.state, total = numberOf(rollout, 'total'),
    done = numberOf(rollout, 'done'), failed = numberOf(rollout, 'failed'), skipped = numberOf(rollout, 'skipped'),
    running = running }
  payload.waiting = payload.total - payload.done - payload.failed - payload.skipped - running
  for field, value in pairs(more or {}) do payload[field] = value end
  redis.call('XADD', K.events, 'MAXLEN', '~', EVENTS_KEPT, '*', 'event', event, 'workspace_id', workspace,
    'timestamp', now, 'payload', cjson.encode(payload))
end

-- Ends a rollout that has nothing left to do. What is over is kept for a while.
local function endIfDone(rollout, now)
  if redis.call('SCARD', K.running) > 0 or isOver(rollout) then return end
  if rollout.state ~= 'aborting' and (not rollout.prepared or numberOf(rollout, 'next') < numberOf(rollout, 'total')) then
    return
  end
  set(rollout, { state = rollout.state == 'aborting' and 'aborted' or 'finished', endedAt = now })
  redis.call('SREM', K.active, A.id)
  for _, key in ipairs({ K.rollout, K.order, K.members }) do redis.call('PEXPIRE', key, rollout.keepMs) end
  tell(rollout, 'ROLLOUT_FINISHED', '', now, { stoppedBy = rollout.stoppedBy })
end

-- No further member starts, for now or for good; those under way end by themselves.
local function stop(rollout, state, by, now, actor, reason)
  if reason == '' then reason = nil end
  redis.call('HDEL', K.rollout, 'stoppedActor', 'stoppedFor')
  set(rollout, { state = state, stoppedBy = by, stoppedAt = now, stoppedActor = actor, stoppedFor = reason })
  tell(rollout, state == 'paused' and 'ROLLOUT_PAUSED' or 'ROLLOUT_ABORTED', '', now,
    { stoppedBy = by, actor = actor, reason = reason })
end

-- The list of members is whole: from here on they are restarted.
local function start(rollout, now)
  local total = redis.call('ZCARD', K.order)
  local canary = rollout.canary and cjson.decode(rollout.canary) or {}
  local canaries = canary.count or math.ceil(total * (canary.percent or 0) / 100)
  set(rollout, { prepared = 1, total = total, startedAt = now, canaries = math.min(canaries, total) })
  if rollout.state == 'preparing' then set(rollout, { state = 'running' }) end
  tell(rollout, 'ROLLOUT_STARTED', '', now, { source = rollout.source, reason = rollout.reason, actor = rollout.actor })
  endIfDone(rollout, now)
end
