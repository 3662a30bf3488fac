-- Uses: quiet-hours
-- policy-set.ts' choice: the first alternative whose tags and runtime are the workspace's puts its arguments in place.
local function chooseAlternative(workspace)
  if A.alternatives == '' then return end
  local tags = workspace.tags and cjson.decode(workspace.tags) or {}
  for _, alternative in ipairs(cjson.decode(A.alternatives)) do
    local meets = not alternative.runtime or alternative.runtime == workspace.runtime
    for name, value in pairs(alternative.tags or {}) do meets = meets and tags[name] == value end
    if meets then
      for name, value in pairs(alternative.set) do A[name] = value end
      return
    end
  end
end

local function chooseArguments(workspace)
  chooseAlternative(workspace)
  quietHours = A.quietHours == '' and {} or cjson.decode(A.quietHours)
end
