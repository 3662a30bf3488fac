-- Uses: hash digits
-- The why of what is owed is a hash. Of each source one field, its name: 'count first span', and where texts were left
-- out, ' reasons actors files' of those. `span` is the time from the first trigger to the last. For each distinct text a
-- field: '<source>:<reason>', '<source>@<actor>' or '<source>/<file>' (a source's name has letters, digits and hyphens). It
-- holds the number of the source's trigger that gave it last, counted from 1 and as far as known: newer is more, whatever
-- the clock did.
-- What a cycle covers is that as JSON, as records and events tell it: it changes no more.
local DISTINCT_KEPT = 32
local MARKS = { reason = ':', actor = '@', file = '/' }
local KIND_NAMES = { [':'] = 'reasons', ['@'] = 'actors', ['/'] = 'files' }
local MORE_NAMES = { [':'] = 'moreReasons', ['@'] = 'moreActors', ['/'] = 'moreFiles' }

local function nothingMore() return { [':'] = 0, ['@'] = 0, ['/'] = 0 } end

local function readSummary(text)
  if not text then return nil end
  local count, first, span, left = text:match('^(%d+) (%d+) (%d+)(.*)$')
  local summary = { count = tonumber(count), firstAt = tonumber(first), lastAt = first + span, more = nothingMore() }
  if left ~= '' then
    local reasons, actors, files = left:match('^ (%d+) (%d+) (%d+)$')
    summary.more = { [':'] = tonumber(reasons), ['@'] = tonumber(actors), ['/'] = tonumber(files) }
  end
  return summary
end

local function summaryText(summary)
  local more = summary.more
  local text = summary.count .. ' ' .. digits(summary.firstAt) .. ' ' .. digits(summary.lastAt - summary.firstAt)
  local reasons, actors, files = more[':'], more['@'], more['/']
  if reasons + actors + files == 0 then return text end
  return text .. ' ' .. reasons .. ' ' .. actors .. ' ' .. files
end

-- Adds one text, given with the `given`th trigger. Beyond so many of a kind the oldest goes: of several, not the one that
-- was just given. Tells how many went.
local function addDistinct(key, source, mark, text, given)
  local prefix = source .. mark
  local field = prefix .. text
  if redis.call('HSET', key, field, digits(given)) == 0 then return 0 end
  local count, oldest, least = 0, field, given
  for name, value in pairs(readHash(key)) do
    if name:sub(1, #prefix) == prefix then
      local its = tonumber(value)
      count = count + 1
      if its < least or (its == least and name ~= field and (oldest == field or name < oldest)) then
        oldest, least = name, its
      end
    end
  end
  if count <= DISTINCT_KEPT then return 0 end
  redis.call('HDEL', key, oldest)
  return 1
end

-- What a why already has of a source, and which of these texts. `behind`: how many of its kind were given after each.
local function knownWhy(key, source, texts)
  local fields, behind = { source }, { 0 }
  for kind, mark in pairs(MARKS) do
    local given = texts[kind] or {}
    for i, text in ipairs(given) do
      if text ~= '' then
        fields[#fields + 1] = source .. mark .. text
        behind[#fields] = #given - i
      end
    end
  end
  local values = redis.call('HMGET', key, unpack(fields))
  local missing = 0
  for i = 2, #fields do
    if not values[i] then missing = missing + 1 end
  end
  return { summary = readSummary(values[1]), fields = fields, behind = behind, missing = missing }
end

-- `texts`: per kind those that are kept, the newest last, and under `more` how many were left out; `known`: see knownWhy.
local function addWhy(key, source, count, now, texts, known)
  local summary = known.summary or { count = 0, firstAt = now, lastAt = now, more = nothingMore() }
  local more, before = summary.more, summary.count
  -- The clock may have been set back since the first one.
  summary.count, summary.lastAt = summary.count + count, math.max(summary.lastAt, now)
  for kind, left in pairs(texts.more or {}) do
    local mark = MARKS[kind]
    more[mark] = more[mark] + left
  end
  local function numberOf(followers) return math.max(before + 1, summary.count - followers) end
  local flat = { source, '' }
  -- Most triggers say what others said before, or there is room for all: one call.
  if known.missing == 0 or redis.call('HLEN', key) + known.missing <= DISTINCT_KEPT then
    for i = 2, #known.fields do
      flat[#flat + 1] = known.fields[i]
      flat[#flat + 1] = digits(numberOf(known.behind[i]))
    end
  else
    for kind, mark in pairs(MARKS) do
      local given = texts[kind] or {}
      for i, text in ipairs(given) do
        if text ~= '' then more[mark] = more[mark] + addDistinct(key, source, mark, text, numberOf(#given - i)) end
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
    local source, mark, text = field:match('^([^:@/]+)([:@/])(.*)$')
    if source then
      local texts = entryOf(source).texts
      texts[mark] = texts[mark] or {}
      table.insert(texts[mark], { text = text, given = tonumber(value) })
    else
      local entry, summary = entryOf(field), readSummary(value)
      entry.count, entry.firstAt, entry.lastAt = summary.count, summary.firstAt, summary.lastAt
      for mark, name in pairs(MORE_NAMES) do entry[name] = summary.more[mark] > 0 and summary.more[mark] or nil end
    end
  end
  for _, entry in ipairs(list) do
    for mark, texts in pairs(entry.texts) do
      if #texts > 1 then
        table.sort(texts, function(a, b) return a.given > b.given or (a.given == b.given and a.text < b.text) end)
      end
      local names = {}
      for i, item in ipairs(texts) do names[i] = item.text end
      entry[KIND_NAMES[mark]] = names
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

-- What an unfinished cycle covers goes back to what is owed. With which trigger each text was given is not known any more,
-- but in which order, and that all that is owed since came later: theirs are 1 and up.
local function owe(covers, why)
  for _, entry in ipairs(coversList(covers)) do
    local source = entry.source
    local summary = readSummary(redis.call('HGET', why, source))
      or { count = 0, firstAt = entry.firstAt, lastAt = entry.lastAt, more = nothingMore() }
    summary.count = summary.count + entry.count
    summary.firstAt = math.min(summary.firstAt, entry.firstAt)
    summary.lastAt = math.max(summary.lastAt, entry.lastAt)
    for mark, name in pairs(KIND_NAMES) do
      summary.more[mark] = summary.more[mark] + (entry[MORE_NAMES[mark]] or 0)
      local texts = entry[name] or {}
      for i = #texts, 1, -1 do
        if redis.call('HEXISTS', why, source .. mark .. texts[i]) == 0 then
          summary.more[mark] = summary.more[mark] + addDistinct(why, source, mark, texts[i], 1 - i)
        end
      end
    end
    redis.call('HSET', why, source, summaryText(summary))
  end
  redis.call('DEL', covers)
end
