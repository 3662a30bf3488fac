-- Reckons anew when somebody must look at a workspace, by the policy that counts now.
-- Quiet hours or a budget may have gone, come or moved since it was reckoned last, or the clock was set back.
-- Uses: clock hash state lease policy-choice schedule budget
-- KEYS: workspace state startedAt due phases spent
-- ARGV: id leaseMs budgetCycles budgetDowntimeMs quietHours alternatives activityTtlMs now
-- Whole: leaseMs budgetCycles budgetDowntimeMs activityTtlMs now?
-- Reply: rescheduled dueAt hintId now
-- `alternatives`: what to put in place of the three before it, see chooseArguments.

local now = clock()
local workspace = readHash(K.workspace)
local state = readState(now)
cutLease(state, now)
chooseArguments(workspace)
local before = tonumber(redis.call('ZSCORE', K.due, A.id) or nil)
if state.owedAt and not isRunning(state) then reckonBudget(state, now) end
local wake = schedule(A.id, state, workspace, tonumber(redis.call('GET', K.startedAt) or nil), now)
return R.rescheduled(woken(before, wake, now))
