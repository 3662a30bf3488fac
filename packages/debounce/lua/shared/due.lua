-- Uses: state quiet-hours refusal
-- When what is owed may start, and when somebody must look.

-- judge.ts' dueOf: when the owed cycle may start; nil = not by itself. Also whether quiet hours hold it back.
local function dueOf(state, cooldownEndsAt, now)
  if not state.owedAt or state.loop then return nil end
  local due = tonumber(state.dueNowAt)
  if state.quietEndsAt then
    local quiet = math.min(tonumber(state.quietEndsAt), tonumber(state.deadlineAt))
    due = due and math.min(due, quiet) or quiet
  end
  if not due then return nil end
  if not state.ignoreCooldown then due = math.max(due, cooldownEndsAt or 0, tonumber(state.budgetUntil) or 0) end
  due = math.max(due, tonumber(state.backoffEndsAt) or 0)
  if not state.overrideHold and ahead(state.heldUntil, now) then due = math.max(due, tonumber(state.heldUntil)) end
  if state.ignoreQuietHours then return due, false end
  local startsAt = math.max(due, now)
  for _, interval in ipairs(quietHours) do
    if interval[1] <= startsAt and startsAt < interval[2] then return interval[2], true end
  end
  return due, false
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
