-- Uses: state
-- Who holds restarts back. `holds` is JSON, `heldUntil` always the latest of their ends: whoever asks whether the workspace
-- is held need not read the list.

local HOLDS_KEPT = 32

-- Those that have not ended, in the order in which they were put on.
local function holdsOf(state, now)
  local standing = {}
  for _, hold in ipairs(cjson.decode(state.holds or '[]')) do
    if ahead(hold.endsAt, now) then standing[#standing + 1] = hold end
  end
  return standing
end

local function setHolds(state, holds)
  if #holds == 0 then return clearFields(state, { 'holds', 'heldUntil' }) end
  local latest = 0
  for _, hold in ipairs(holds) do latest = math.max(latest, hold.endsAt) end
  set(state, { holds = cjson.encode(holds), heldUntil = latest })
end
