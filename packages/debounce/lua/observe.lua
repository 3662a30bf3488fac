-- Records what was seen of a workspace, unless a cycle has begun, or shall begin, since it was looked at.
-- Uses: clock hash state refusal schedule events digits
-- KEYS: workspace state startedAt due phases why seen down events activity
-- ARGV: id fence seen detail since lookedAt isOurs instance stray action backoffMs maxBackoffMs activityTtlMs now
-- Whole: since lookedAt backoffMs maxBackoffMs activityTtlMs now?
-- `fence`: the last fencing token when it was looked at, '' = none. `seen`: online | unhealthy | offline; `detail`: in words
-- `since`: the first look that saw it so. `isOurs`: what runs carries our marks; `instance`: what runs, as JSON, if that is ours
-- and not what is recorded; `stray`: what runs of it that is not ours, in words. `action`: restart | report
-- Reply: stale
-- Reply: recorded change ask
-- Reply: stopping dueAt hintId now
-- `change`: '' | down | up | found | adopted | stray; `ask`: 1 = a trigger shall ask for a restart
-- Events: WORKSPACE_DOWN, WORKSPACE_UP, WORKSPACE_ADOPTED, WORKSPACE_STRAY

-- What goes down so soon after a restart, again and again, waits longer each time.
local CRASHED_WITHIN_MS = 10 * 60 * 1000

local now = clock()
local workspace = readHash(K.workspace)
local state = readState(now)
if not workspace.desired or (state.fence or '') ~= A.fence or state.cycle or state.desireAt then return R.stale() end
local change

local function noteField(field, value)
  if workspace[field] == value then return false end
  if value then redis.call('HSET', K.workspace, field, value) else redis.call('HDEL', K.workspace, field) end
  workspace[field] = value
  return true
end

local function forgetDown()
  redis.call('ZREM', K.down, A.id)
  noteField('downAt', nil)
  noteField('downSeen', nil)
end

local function goDown()
  local since, retryAt, crashes = tonumber(A.since), nil, nil
  if workspace.status == 'online' then
    local restartedAt = tonumber(state.lastRestartEndsAt)
    local again = restartedAt and since < restartedAt + CRASHED_WITHIN_MS
    crashes = again and (tonumber(state.crashes) or 0) + 1 or 1
    setField(state, 'crashes', crashes)
    if crashes > 1 and A.action == 'restart' then
      retryAt = now + math.min(tonumber(A.maxBackoffMs), tonumber(A.backoffMs) * 2 ^ math.min(crashes - 2, 30))
      setField(state, 'backoffEndsAt', math.max(tonumber(state.backoffEndsAt) or 0, retryAt))
    end
    noteField('status', A.seen)
  end
  noteField('downAt', digits(since))
  noteField('downSeen', A.detail)
  redis.call('ZADD', K.down, digits(since), A.id)
  local seenAt = tonumber(redis.call('ZSCORE', K.seen, A.id) or nil)
  redis.call('ZREM', K.seen, A.id)
  -- What is owed already waits for the backoff, too.
  schedule(A.id, state, workspace, tonumber(redis.call('GET', K.startedAt) or nil), now)
  emit(A.id, 'WORKSPACE_DOWN', now, { status = A.seen, seen = A.detail, downAt = since, lastSeenAt = seenAt,
    crashes = crashes, retryAt = retryAt, action = A.action })
  change = 'down'
end

local function isUp()
  redis.call('ZADD', K.seen, 'GT', A.lookedAt, A.id)
  local downAt = tonumber(workspace.downAt)
  if workspace.status ~= 'online' and workspace.status ~= 'failed' then
    noteField('status', 'online')
    change = 'found'
  end
  if downAt then
    forgetDown()
    change = 'up'
  end
  if change then
    emit(A.id, 'WORKSPACE_UP', now, { seen = A.detail, downAt = downAt, downMs = downAt and math.max(0, now - downAt) })
  end
  local before = workspace.instance
  if A.instance ~= '' and noteField('instance', A.instance) then
    emit(A.id, 'WORKSPACE_ADOPTED', now,
      withMember(withMember(cjson.encode({ seen = A.detail }), 'instance', A.instance), 'instanceBefore', before))
    change = 'adopted'
  end
end

local function isDown()
  if not workspace.downAt then
    -- What never ran, or was not left running, cannot have gone down.
    if workspace.status ~= 'online' and workspace.status ~= 'failed' then return false end
    goDown()
  else
    if workspace.status ~= 'failed' then noteField('status', A.seen) end
    noteField('downSeen', A.detail)
  end
  local isAsked = state.owedAt and redis.call('HEXISTS', K.why, 'liveness-offline') == 1
  return A.action == 'restart' and not isAsked and not refusalOf(workspace)
end

-- Once for what is there, until it is gone or another.
local function tellStray(seen, stopping)
  if noteField('stray', seen) and seen then
    emit(A.id, 'WORKSPACE_STRAY', now, { desired = workspace.desired, seen = seen, stopping = stopping })
    change = change or 'stray'
  end
end

local ask = false
if workspace.runtime == 'external' then
  redis.call('ZREM', K.seen, A.id)
  forgetDown()
  tellStray(nil)
elseif workspace.desired == 'running' then
  if A.seen == 'online' then isUp() else ask = isDown() end
  tellStray(A.stray ~= '' and A.stray or nil)
elseif A.seen == 'online' and A.isOurs == '1' and A.action == 'restart' then
  tellStray(nil)
  tellStray(A.detail, true)
  setField(state, 'generation', nextNumber(state.generation, now))
  setField(state, 'desireAt', now)
  local wake = schedule(A.id, state, workspace, tonumber(redis.call('GET', K.startedAt) or nil), now)
  return R.stopping(woken(nil, wake, now))
else
  local seen = A.stray ~= '' and A.stray or nil
  if A.seen == 'online' then seen = seen or A.detail end
  tellStray(seen, false)
end
return R.recorded { change = change, ask = ask and 1 or 0 }
