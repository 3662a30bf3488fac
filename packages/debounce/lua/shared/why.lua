-- Uses: hash
-- The why of a cycle is a hash: `<source>|count`, `|first`, `|last`, and for each distinct reason, actor and file
-- `<source>|reason|<text>` = when it was last given; `|more-reasons` counts those that no longer fit.
local DISTINCT_KEPT = 32
local TEXT_KINDS = { reason = 'reasons', actor = 'actors', file = 'files' }
local MORE = { ['more-reasons'] = 'moreReasons', ['more-actors'] = 'moreActors', ['more-files'] = 'moreFiles' }

local function addDistinct(key, source, kind, texts, now)
  for _, text in ipairs(texts) do
    local field = source .. '|' .. kind .. '|' .. text
    if text ~= '' and redis.call('HSET', key, field, now) == 1
      and redis.call('HINCRBY', key, source .. '|' .. kind .. 's', 1) > DISTINCT_KEPT then
      -- The oldest goes: of several, not the one that was just given.
      local prefix, oldest, oldestAt = source .. '|' .. kind .. '|', field, tonumber(now)
      for name, value in pairs(readHash(key)) do
        local at = tonumber(value)
        if name:sub(1, #prefix) == prefix
          and (at < oldestAt or (at == oldestAt and name ~= field and (oldest == field or name < oldest))) then
          oldest, oldestAt = name, at
        end
      end
      redis.call('HDEL', key, oldest)
      redis.call('HINCRBY', key, source .. '|' .. kind .. 's', -1)
      redis.call('HINCRBY', key, source .. '|more-' .. kind .. 's', 1)
    end
  end
end

-- What a why already has of a source: its first time, its count, and whether all of these texts are in it.
local function knownWhy(key, source, texts)
  local fields = { source .. '|first', source .. '|count' }
  for kind in pairs(TEXT_KINDS) do
    for _, text in ipairs(texts[kind]) do
      if text ~= '' then fields[#fields + 1] = source .. '|' .. kind .. '|' .. text end
    end
  end
  local values = redis.call('HMGET', key, unpack(fields))
  local known = { firstAt = tonumber(values[1] or nil), count = tonumber(values[2] or nil), fields = fields, hasAll = true }
  for i = 3, #fields do known.hasAll = known.hasAll and values[i] end
  return known
end

-- `texts`: per kind those that are kept, and under `more` how many were left out; `known`: see knownWhy.
local function addWhy(key, source, count, now, texts, known)
  local flat = { source .. '|count', (known.count or 0) + count, source .. '|first', known.firstAt or now,
    source .. '|last', now }
  -- Most triggers say what others said before: all of it in one call.
  for i = 3, known.hasAll and #known.fields or 0 do
    flat[#flat + 1] = known.fields[i]
    flat[#flat + 1] = now
  end
  redis.call('HSET', key, unpack(flat))
  for kind, name in pairs(TEXT_KINDS) do
    if not known.hasAll then addDistinct(key, source, kind, texts[kind], now) end
    local more = texts.more[kind] or 0
    if more > 0 then redis.call('HINCRBY', key, source .. '|more-' .. name, more) end
  end
end

-- The why of an unfinished cycle goes back to what is owed.
local function owe(from, to)
  local merged = readHash(to)
  for field, value in pairs(readHash(from)) do
    local source, kind, text = field:match('^([^|]+)|([^|]+)|?(.*)$')
    if kind == 'count' then redis.call('HINCRBY', to, field, value)
    elseif kind == 'first' then redis.call('HSET', to, field, math.min(tonumber(value), tonumber(merged[field] or value)))
    elseif kind == 'last' then redis.call('HSET', to, field, math.max(tonumber(value), tonumber(merged[field] or value)))
    elseif TEXT_KINDS[kind] then
      if not merged[field] then addDistinct(to, source, kind, { text }, tonumber(value)) end
    elseif kind:sub(1, 5) == 'more-' then redis.call('HINCRBY', to, field, value)
    end
  end
  redis.call('DEL', from)
end

-- Per source: count, first and last time, reasons, actors and files, as an array for records and events.
local function whyList(key)
  local bySource, list = {}, {}
  for field, value in pairs(readHash(key)) do
    local source, kind, text = field:match('^([^|]+)|([^|]+)|?(.*)$')
    local entry = bySource[source]
    if not entry then
      entry = { source = source, texts = { reason = {}, actor = {}, file = {} } }
      bySource[source] = entry
      list[#list + 1] = entry
    end
    if kind == 'count' then entry.count = tonumber(value)
    elseif kind == 'first' then entry.firstAt = tonumber(value)
    elseif kind == 'last' then entry.lastAt = tonumber(value)
    elseif MORE[kind] then entry[MORE[kind]] = tonumber(value)
    elseif entry.texts[kind] and text ~= '' then
      table.insert(entry.texts[kind], { text = text, at = tonumber(value) })
    end
  end
  for _, entry in ipairs(list) do
    for kind, name in pairs(TEXT_KINDS) do
      table.sort(entry.texts[kind], function(a, b) return a.at > b.at or (a.at == b.at and a.text < b.text) end)
      for i, item in ipairs(entry.texts[kind]) do
        entry[name] = entry[name] or {}
        entry[name][i] = item.text
      end
    end
    entry.texts = nil
  end
  table.sort(list, function(a, b) return a.firstAt < b.firstAt or (a.firstAt == b.firstAt and a.source < b.source) end)
  return list
end
