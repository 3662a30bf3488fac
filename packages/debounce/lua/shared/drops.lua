-- Uses: digits
-- What was dropped since a cycle last began or ended, per source and rule: 'count first last' in a field of the state.

-- The new value of such a field.
local function countDrops(counted, count, now)
  local before, first = (counted or ''):match('^(%d+) (%d+)')
  local at = digits(now)
  return ((before or 0) + count) .. ' ' .. (first or at) .. ' ' .. at
end

-- What was dropped since this was asked last, and the fields that tell it, which are to go; nil = nothing.
local function dropsOf(state)
  local list, fields
  for field, counted in pairs(state) do
    if field:sub(1, 6) == 'drops:' then
      local source, rule = field:match('^drops:([^|]+)|(.+)$')
      local count, first, last = counted:match('^(%d+) (%d+) (%d+)$')
      list, fields = list or {}, fields or {}
      fields[#fields + 1] = field
      list[#list + 1] = { source = source, rule = rule, count = tonumber(count), firstAt = tonumber(first),
        lastAt = tonumber(last) }
    end
  end
  if list and #list > 1 then
    table.sort(list, function(a, b)
      return a.firstAt < b.firstAt or (a.firstAt == b.firstAt and a.source .. a.rule < b.source .. b.rule)
    end)
  end
  return list, fields
end
