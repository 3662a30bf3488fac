-- Shared by every script of the fleet. The loader puts it in front, after two tables made from the script's header:
-- K (key names by role) and A (arguments by name). All times are milliseconds.

local function clock()
  if A.now ~= '' then return tonumber(A.now) end
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
