-- Uses: state
-- A lease that ends later than one that is taken now was given before the clock was set back: it ends as soon as that. Who
-- holds it, if anybody does, renews it by then.
local function cutLease(state, now)
  local longest = now + tonumber(A.leaseMs)
  if not isRunning(state) or not ahead(state.leaseEndsAt, longest) then return end
  set(state, { leaseEndsAt = longest })
  save()
end
