-- Reads what a shadow policy has made of a workspace, or replaces it if nobody else did meanwhile.
-- `next`: the new record; '' = only read. `since`: the record is a new one, begun with a trigger at that time; '' = it goes on.
-- Uses: clock hash state
-- KEYS: workspace state lastCycle shadow
-- ARGV: version next since ttlMs now
-- Whole: version? since? ttlMs now?
-- Reply: kept
-- Reply: read version record cycleMs runtime tags now realCycles
-- `cycleMs`: how long the last good cycle took. `realCycles`: JSON, days and how many began in each.

local now = clock()
local workspace = redis.call('HMGET', K.workspace, 'desired', 'runtime', 'tags')
local kept = readHash(K.shadow)
local registered = workspace[1] and workspace[1] ~= 'removed'

-- What nobody registered, or is going, gets no key.
if A.next ~= '' and registered and (kept.version or '0') == A.version then
  if A.since ~= '' then
    redis.call('DEL', K.shadow)
    -- The cycle that the first trigger started may have begun before it came here.
    local last = redis.call('GET', K.lastCycle)
    local startedAt = tonumber(redis.call('HGET', K.state, 'cycleStartedAt') or (last and cjson.decode(last).startedAt) or 0)
    if startedAt >= tonumber(A.since) then redis.call('HSET', K.shadow, 'cycles:' .. dayOf(startedAt), 1) end
  end
  redis.call('HSET', K.shadow, 'record', A.next, 'version', tonumber(A.version) + 1)
  if kept.cycleMs then redis.call('HSET', K.shadow, 'cycleMs', kept.cycleMs) end
  for field in pairs(kept) do
    local day = field:match('^cycles:(%d+)$')
    if day and tonumber(day) < dayOf(now) - 7 then redis.call('HDEL', K.shadow, field) end
  end
  redis.call('PEXPIRE', K.shadow, A.ttlMs)
  return R.kept()
end

local cycles = {}
for field, count in pairs(kept) do
  local day = field:match('^cycles:(%d+)$')
  if day then cycles[day] = tonumber(count) end
end
return R.read { version = kept.version or '0', record = kept.record, cycleMs = kept.cycleMs, runtime = workspace[2],
  tags = workspace[3], now = now, realCycles = cjson.encode(cycles) }
