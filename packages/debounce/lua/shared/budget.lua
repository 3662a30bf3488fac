-- Uses: hash state events digits
-- What restarts a workspace may have in a day.

local SPENT_KEPT = 200

-- The restarts of the last day, oldest first: `spent` has of each cycle '<started> <downtime> <restarts>'. Beyond so many
-- the oldest ones are counted together, as late as the later one.
local function spentOfDay(now)
  local list = {}
  for cycle, entry in pairs(readHash(K.spent)) do
    local at, downtime, count = entry:match('^(%d+) (%d+) (%d+)$')
    -- The clock was set back since: it counts for a day from now at the longest.
    if tonumber(at) > now then
      at = now
      redis.call('HSET', K.spent, cycle, digits(now) .. ' ' .. downtime .. ' ' .. count)
    end
    if tonumber(at) + DAY > now then
      list[#list + 1] = { cycle = cycle, at = tonumber(at), downtime = tonumber(downtime), count = tonumber(count) }
    else
      redis.call('HDEL', K.spent, cycle)
    end
  end
  table.sort(list, function(a, b) return a.at < b.at or (a.at == b.at and a.cycle < b.cycle) end)
  while #list > SPENT_KEPT do
    local oldest = table.remove(list, 1)
    local joined = list[1]
    joined.downtime, joined.count = joined.downtime + oldest.downtime, joined.count + oldest.count
    redis.call('HDEL', K.spent, oldest.cycle)
    redis.call('HSET', K.spent, joined.cycle, joined.at .. ' ' .. joined.downtime .. ' ' .. joined.count)
  end
  return list
end

local function hasBudget() return tonumber(A.budgetCycles) > 0 or tonumber(A.budgetDowntimeMs) > 0 end

-- Until when the budget of the day is spent: until so much of it is more than a day ago that the next restart is within it.
local function reckonBudget(state, now)
  if not hasBudget() then
    if state.budgetUntil then clearFields(state, { 'budgetUntil', 'spentCycles', 'spentDowntimeMs' }) end
    return
  end
  local spent, cycles, downtime, untilTime = spentOfDay(now), 0, 0, nil
  for _, entry in ipairs(spent) do cycles, downtime = cycles + entry.count, downtime + entry.downtime end
  local spentCycles, spentDowntimeMs = cycles, downtime
  local mostCycles, mostDowntime = tonumber(A.budgetCycles), tonumber(A.budgetDowntimeMs)
  for _, entry in ipairs(spent) do
    if (mostCycles == 0 or cycles < mostCycles) and (mostDowntime == 0 or downtime < mostDowntime) then break end
    untilTime, cycles, downtime = entry.at + DAY, cycles - entry.count, downtime - entry.downtime
  end
  if untilTime then
    set(state, { budgetUntil = untilTime, spentCycles = spentCycles, spentDowntimeMs = spentDowntimeMs })
  else
    clearFields(state, { 'budgetUntil', 'spentCycles', 'spentDowntimeMs' })
  end
end

local function spend(cycle, startedAt, downtime)
  -- The clock may have been set back since it started.
  redis.call('HSET', K.spent, cycle, digits(startedAt) .. ' ' .. digits(math.max(0, downtime)) .. ' 1')
  redis.call('PEXPIRE', K.spent, DAY)
end

-- Once for what is owed: that the budget holds it back.
local function tellBudget(id, state, now)
  if not state.owedAt or state.ignoreCooldown or state.budgetTold or not ahead(state.budgetUntil, now) then return end
  set(state, { budgetTold = 1 })
  emit(id, 'WORKSPACE_RESTART_BUDGET_SPENT', now, { rule = 'budget', untilAt = tonumber(state.budgetUntil),
    cycles = tonumber(state.spentCycles), downtimeMs = tonumber(state.spentDowntimeMs),
    generation = tonumber(state.generation) })
end
