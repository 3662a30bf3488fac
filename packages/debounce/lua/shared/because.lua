-- Uses: quiet-hours
-- Why the owed cycle starts when it does: what held it back last.
local function becauseOf(state, cooldownEndsAt, budgetUntil)
  if state.desireAt then return 'desired' end
  if state.ignoreCooldown then return 'asked' end
  local quiet = state.quietEndsAt and math.min(tonumber(state.quietEndsAt), tonumber(state.deadlineAt))
  local atOnce = tonumber(state.dueNowAt)
  local due, because = atOnce, 'at-once'
  if quiet and (not atOnce or quiet < atOnce) then
    due, because = quiet, quiet == tonumber(state.quietEndsAt) and 'quiet' or 'max-wait'
  end
  if cooldownEndsAt and cooldownEndsAt > due then due, because = cooldownEndsAt, 'cooldown' end
  if budgetUntil and budgetUntil > due then due, because = budgetUntil, 'budget' end
  if state.backoffEndsAt and tonumber(state.backoffEndsAt) > due then due, because = tonumber(state.backoffEndsAt), 'backoff' end
  if state.heldUntil and tonumber(state.heldUntil) > due then due, because = tonumber(state.heldUntil), 'hold' end
  for _, interval in ipairs(state.ignoreQuietHours and {} or quietHours) do
    if interval[1] <= due and due < interval[2] then due, because = interval[2], 'quiet-hours' end
  end
  return because
end
