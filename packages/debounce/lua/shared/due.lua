-- Uses: state quiet-hours refusal
-- When what is owed may start, and when somebody must look.

-- due.ts' dueOf, rule 7: when the owed cycle may start, and what it waits for last; nil = not by itself.
local function dueOf(state, cooldownEndsAt, now)
  if not state.owedAt or state.loop then return nil end
  local due, because = tonumber(state.dueNowAt), 'at-once'
  if state.quietEndsAt then
    local quiet, deadline = tonumber(state.quietEndsAt), tonumber(state.deadlineAt)
    if not due or math.min(quiet, deadline) < due then
      due, because = math.min(quiet, deadline), quiet <= deadline and 'quiet' or 'max-wait'
    end
  end
  if not due then return nil end
  local function notBefore(untilTime, reason)
    if untilTime and tonumber(untilTime) > due then due, because = tonumber(untilTime), reason end
  end
  if not state.ignoreCooldown then
    notBefore(cooldownEndsAt, 'cooldown')
    notBefore(state.budgetUntil, 'budget')
  end
  notBefore(state.backoffEndsAt, 'backoff')
  if not state.overrideHold then notBefore(state.heldUntil, 'hold') end
  for _, interval in ipairs(state.ignoreQuietHours and {} or quietHours) do
    local startsAt = math.max(due, now)
    if (interval[1] <= due and due < interval[2]) or (interval[1] <= startsAt and startsAt < interval[2]) then
      notBefore(interval[2], 'quiet-hours')
    end
  end
  return due, state.ignoreCooldown and 'asked' or because
end

-- When the desired state may be carried out; nil = nothing waits for that. A stop may always be; a start waits for as
-- long as restarts are refused, by a paused ancestor above all.
local function desireOf(state, workspace)
  if not state.desireAt or (workspace.desired == 'running' and refusalOf(workspace)) then return nil end
  return tonumber(state.desireAt)
end

-- When somebody must look at the workspace next; nil = nobody need.
local function wakeOf(state, workspace, cooldownEndsAt, now)
  if isRunning(state) then return tonumber(state.leaseEndsAt) end
  local desireAt = desireOf(state, workspace)
  if desireAt then return desireAt end
  if state.retrying and state.action ~= 'restart' then return tonumber(state.stopRetryAt) end
  if refusalOf(workspace) then return nil end
  if state.retrying then
    local retryAt = tonumber(state.backoffEndsAt)
    return ahead(state.heldUntil, now) and math.max(retryAt, tonumber(state.heldUntil)) or retryAt
  end
  return dueOf(state, cooldownEndsAt, now)
end
