-- Uses: phase-bands state due digits
local function notePhase(id, band, endsAt)
  if not band then return redis.call('ZREM', K.phases, id) end
  redis.call('ZADD', K.phases, digits(BANDS[band] * BAND + (endsAt or 0)), id)
end

-- As workspace-state.ts tells the phase; `wake` is wakeOf's.
local function notePhaseOf(id, state, workspace, wake, now)
  if isRunning(state) then return notePhase(id, 'running') end
  local phase, endsAt, following = 'scheduled', nil, nil
  if desireOf(state, workspace) then return notePhase(id, nil) end
  if state.retrying then phase = 'backoff'
  elseif not state.owedAt then phase = 'idle'
  elseif not wake then phase = (state.breaker or state.loop) and 'failed' or 'idle'
  elseif ahead(state.backoffEndsAt, now) then phase, endsAt, following = 'backoff', tonumber(state.backoffEndsAt), 'scheduled'
  end
  local heldUntil = ahead(state.heldUntil, now) and tonumber(state.heldUntil) or nil
  if state.owedAt and not state.retrying and wake and not state.ignoreCooldown and ahead(state.budgetUntil, now) then
    heldUntil = math.max(heldUntil or 0, tonumber(state.budgetUntil))
  end
  if heldUntil then
    -- A backoff within the hold; of one that outlives it, only that it follows is noted.
    if endsAt and endsAt <= heldUntil then phase = following end
    endsAt, phase, following = heldUntil, 'held', phase
  elseif phase == 'idle' or (phase == 'scheduled' and not following) then
    return notePhase(id, nil)
  end
  local band = following and phase .. ', then ' .. following or phase
  notePhase(id, wake and band or band .. ', not due', endsAt)
end
