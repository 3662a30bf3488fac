-- Uses: hash digits
-- The why of what is owed is a hash. Of each source one field, its name: 'count first span', and where texts were left
-- out, ' reasons actors files' of those. `span` is the time from the first trigger to the last. For each distinct text a
-- field '<source>|<r, a or f>|<text>': when it was last given.
-- What a cycle covers is that as JSON, as records and events tell it: it changes no more.
local DISTINCT_KEPT = 32
local TEXT_KINDS = { reason = 'r', actor = 'a', file = 'f' }
local KIND_NAMES = { r = 'reasons', a = 'actors', f = 'files' }
local MORE_NAMES = { r = 'moreReasons', a = 'moreActors', f = 'moreFiles' }

local function readSummary(text)
  if not text then return nil end
  local count, first, span, left = text:match('^(%d+) (%d+) (%d+)(.*)$')
  local summary = { count = tonumber(count), firstAt = tonumber(first), lastAt = first + span, more = { r = 0, a = 0, f = 0 } }
  if left ~= '' then
    local r, a, f = left:match('^ (%d+) (%d+) (%d+)$')
    summary.more = { r = tonumber(r), a = tonumber(a), f = tonumber(f) }
  end
  return summary
end

local function summaryText(summary)
  local more = summary.more
  local text = summary.count .. ' ' .. digits(summary.firstAt) .. ' ' .. digits(summary.lastAt - summary.firstAt)
  if more.r + more.a + more.f == 0 then return text end
  return text .. ' ' .. more.r .. ' ' .. more.a .. ' ' .. more.f
end

-- Adds one text. Beyond so many of a kind the oldest goes: of several, not the one that was just given. Tells how many went.
local function addDistinct(key, source, kind, text, at)
  local prefix = source .. '|' .. kind .. '|'
  local field = prefix .. text
  if redis.call('HSET', key, field, digits(at)) == 0 then return 0 end
  local count, oldest, oldestAt = 0, field, at
  for name, value in pairs(readHash(key)) do
    if name:sub(1, #prefix) == prefix then
      local given = tonumber(value)
      count = count + 1
      if given < oldestAt or (given == oldestAt and name ~= field and (oldest == field or name < oldest)) then
        oldest, oldestAt = name, given
      end
    end
  end
  if count <= DISTINCT_KEPT then return 0 end
  redis.call('HDEL', key, oldest)
  return 1
end

-- What a why already has of a source, and which of these texts.
local function knownWhy(key, source, texts)
  local fields = { source }
  for kind, letter in pairs(TEXT_KINDS) do
    for _, text in ipairs(texts[kind] or {}) do
      if text ~= '' then fields[#fields + 1] = source .. '|' .. letter .. '|' .. text end
    end
  end
  local values = redis.call('HMGET', key, unpack(fields))
  local missing = 0
  for i = 2, #fields do
    if not values[i] then missing = missing + 1 end
  end
  return { summary = readSummary(values[1]), fields = fields, missing = missing }
end

-- `texts`: per kind those that are kept, and under `more` how many were left out; `known`: see knownWhy.
local function addWhy(key, source, count, now, texts, known)
  local summary = known.summary or { count = 0, firstAt = now, lastAt = now, more = { r = 0, a = 0, f = 0 } }
  local more, at = summary.more, digits(now)
  -- The clock may have been set back since the first one.
  summary.count, summary.lastAt = summary.count + count, math.max(summary.lastAt, now)
  for kind, left in pairs(texts.more or {}) do
    local letter = TEXT_KINDS[kind]
    more[letter] = more[letter] + left
  end
  local flat = { source, '' }
  -- Most triggers say what others said before, or there is room for all: one call.
  if known.missing == 0 or redis.call('HLEN', key) + known.missing <= DISTINCT_KEPT then
    for i = 2, #known.fields do
      flat[#flat + 1] = known.fields[i]
      flat[#flat + 1] = at
    end
  else
    for kind, letter in pairs(TEXT_KINDS) do
      for _, text in ipairs(texts[kind] or {}) do
        if text ~= '' then more[letter] = more[letter] + addDistinct(key, source, letter, text, now) end
      end
    end
  end
  flat[2] = summaryText(summary)
  redis.call('HSET', key, unpack(flat))
end

-- Per source: count, first and last time, reasons, actors and files, as an array for records and events.
local function whyList(key)
  local bySource, list = {}, {}
  local function entryOf(source)
    local entry = bySource[source]
    if not entry then
      entry = { source = source, texts = {} }
      bySource[source] = entry
      list[#list + 1] = entry
    end
    return entry
  end
  for field, value in pairs(readHash(key)) do
    local source, kind, text = field:match('^([^|]+)|(%a)|(.*)$')
    if source then
      local texts = entryOf(source).texts
      texts[kind] = texts[kind] or {}
      table.insert(texts[kind], { text = text, at = tonumber(value) })
    else
      local entry, summary = entryOf(field), readSummary(value)
      entry.count, entry.firstAt, entry.lastAt = summary.count, summary.firstAt, summary.lastAt
      for letter, name in pairs(MORE_NAMES) do entry[name] = summary.more[letter] > 0 and summary.more[letter] or nil end
    end
  end
  for _, entry in ipairs(list) do
    for kind, texts in pairs(entry.texts) do
      if #texts > 1 then
        table.sort(texts, function(a, b) return a.at > b.at or (a.at == b.at and a.text < b.text) end)
      end
      local names = {}
      for i, item in ipairs(texts) do names[i] = item.text end
      entry[KIND_NAMES[kind]] = names
    end
    entry.texts = nil
  end
  if #list > 1 then
    table.sort(list, function(a, b) return a.firstAt < b.firstAt or (a.firstAt == b.firstAt and a.source < b.source) end)
  end
  return list
end

-- What a cycle covers, as JSON; nil = nothing.
local function coversJson(key) return redis.call('GET', key) or nil end

local function coversList(key)
  local json = coversJson(key)
  return json and cjson.decode(json) or {}
end

-- What an unfinished cycle covers goes back to what is owed. When each text was given is not known any more, but in which
-- order, and that all that is owed since came later.
local function owe(covers, why)
  for _, entry in ipairs(coversList(covers)) do
    local source = entry.source
    local summary = readSummary(redis.call('HGET', why, source))
      or { count = 0, firstAt = entry.firstAt, lastAt = entry.lastAt, more = { r = 0, a = 0, f = 0 } }
    summary.count = summary.count + entry.count
    summary.firstAt = math.min(summary.firstAt, entry.firstAt)
    summary.lastAt = math.max(summary.lastAt, entry.lastAt)
    for letter, name in pairs(KIND_NAMES) do
      summary.more[letter] = summary.more[letter] + (entry[MORE_NAMES[letter]] or 0)
      local texts = entry[name] or {}
      for i = #texts, 1, -1 do
        if redis.call('HEXISTS', why, source .. '|' .. letter .. '|' .. texts[i]) == 0 then
          summary.more[letter] = summary.more[letter] + addDistinct(why, source, letter, texts[i], entry.lastAt - i + 1)
        end
      end
    end
    redis.call('HSET', why, source, summaryText(summary))
  end
  redis.call('DEL', covers)
end
