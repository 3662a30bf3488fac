-- The field that counts them, and its new value.
local function countDrops(state, source, rule, count, now)
  local field = 'drops:' .. source .. '|' .. rule
  local counted, first = (state[field] or ''):match('^(%d+) (%d+)')
  return field, string.format('%.0f %.0f %.0f', (tonumber(counted) or 0) + count, tonumber(first) or now, now)
end

-- What was dropped since this was asked last, per source and rule; nil = nothing.
local function takeDrops(state)
  local list
  for field, counted in pairs(state) do
    local source, rule = field:match('^drops:([^|]+)|(.+)$')
    if source then
      local count, first, last = counted:match('^(%d+) (%d+) (%d+)$')
      list = list or {}
      list[#list + 1] = { source = source, rule = rule, count = tonumber(count), first_at = tonumber(first),
        last_at = tonumber(last) }
    end
  end
  if not list then return nil end
  for _, dropped in ipairs(list) do redis.call('HDEL', K.state, 'drops:' .. dropped.source .. '|' .. dropped.rule) end
  table.sort(list, function(a, b)
    return a.first_at < b.first_at or (a.first_at == b.first_at and a.source .. a.rule < b.source .. b.rule)
  end)
  return list
end
