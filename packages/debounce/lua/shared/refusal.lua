-- nil, or why the workspace may not be restarted.
local function refusalOf(workspace)
  local desired = workspace.desired or 'removed'
  if desired == 'removed' then return 'removed' end
  if workspace.runtime == 'external' then return 'external' end
  if desired ~= 'running' then return desired end
  if workspace.parentPaused then return 'parent-paused' end
  return nil
end
