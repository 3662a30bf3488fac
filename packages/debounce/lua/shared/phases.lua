-- Uses: state due
-- `phases` counts workspaces without looking at each: every one that is not idle is in it. Phases end by themselves, at a
-- time that is known: a score's band says which phase, and which follows; within the band it says when.
local BAND = 1e14
local BANDS = { 'running', 'scheduled', 'backoff', 'failed', 'backoff, then scheduled', 'held, then idle',
  'held, then scheduled', 'held, then backoff', 'held, then failed' }

local function notePhase(id, phase, endsAt, following)
  if phase == 'idle' then return redis.call('ZREM', K.phases, id) end
  local name = following and phase .. ', then ' .. following or phase
  for i, band in ipairs(BANDS) do
    if band == name then return redis.call('ZADD', K.phases, i * BAND + (endsAt or 0), id) end
  end
end

-- As workspace-state.ts tells the phase; `wake` is wakeOf's.
local function notePhaseOf(id, state, workspace, wake, now)
  if isRunning(state) then return notePhase(id, 'running') end
  if desireOf(state, workspace) then return notePhase(id, 'scheduled') end
  local phase, endsAt, following = 'scheduled', nil, nil
  if state.retrying then phase = 'backoff'
  elseif not state.owedSince then phase = 'idle'
  elseif not wake then phase = (state.breaker or state.loop) and 'failed' or 'idle'
  elseif ahead(state.backoffEndsAt, now) then phase, endsAt, following = 'backoff', tonumber(state.backoffEndsAt), 'scheduled'
  end
  local heldUntil = ahead(state.heldUntil, now) and tonumber(state.heldUntil) or nil
  if state.owedSince and not state.retrying and wake and not state.ignoreCooldown and ahead(state.budgetUntil, now) then
    heldUntil = math.max(heldUntil or 0, tonumber(state.budgetUntil))
  end
  if not heldUntil then return notePhase(id, phase, endsAt, following) end
  -- A backoff within the hold; of one that outlives it, only that it follows is noted.
  if endsAt and endsAt <= heldUntil then phase = following end
  notePhase(id, 'held', heldUntil, phase)
end
