-- Uses: state due phases digits
-- Owed, and nothing but time holds it back: a further trigger can only move the wake-up.
local function isScheduled(state, now)
  return state.owedAt and not state.cycle and not state.desireAt and not state.breaker and not state.loop
    and not ahead(state.backoffEndsAt, now) and not ahead(state.budgetUntil, now) and not ahead(state.heldUntil, now)
end

-- Saves the state, puts the wake-up into the due set and returns it. A state nobody waits for is left to expire.
local function schedule(id, state, workspace, cooldownEndsAt, now)
  save()
  local wake = wakeOf(state, workspace, cooldownEndsAt, now)
  if wake then redis.call('ZADD', K.due, digits(wake), id) else redis.call('ZREM', K.due, id) end
  notePhaseOf(id, state, workspace, wake, now)
  if state.owedAt or state.cycle or state.desireAt or state.breaker then
    redis.call('PERSIST', K.state)
  else
    -- Nobody looks when a hold runs out by itself.
    local heldFor = ahead(state.heldUntil, now) and tonumber(state.heldUntil) - now or 0
    redis.call('PEXPIRE', K.state, heldFor > 0 and digits(A.activityTtlMs + heldFor) or A.activityTtlMs)
  end
  return wake
end

-- What a reply tells: when somebody must look now, and the hint to give where that is sooner than it was before. With a
-- cycle running it is its lease's end, before and after.
local function woken(before, wake, now)
  local isSooner = wake and (not before or wake < before)
  return { dueAt = wake, hintId = isSooner and 'h' .. digits(now) .. '-' .. digits(wake), now = now }
end
