-- Notes writes that are about to be put in place, until the triggers for them are recorded.
-- Whoever finds the bytes that it brings in place already finds by this whether anybody has asked a restart for them.
-- Each write is noted at its path, as '<write>:<at>:<mode>', several with ',' between.
-- `writes`: JSON, path → write. `mode`: s = shared, x = nobody else may be about to write there; l = only look.
-- `past`: JSON, the writes that can put nothing in place any more: they are in nobody's way.
-- `others`: JSON of [path, write, age in ms] of those that are noted there, or are in the way; '' = none.
-- Uses: clock digits
-- KEYS: workspace unsettled
-- ARGV: writes mode past keptMs now
-- Whole: keptMs now?
-- Reply: noted others
-- Reply: busy others
-- Reply: unknown

local now = clock()
-- What nobody registered gets no key.
if redis.call('HEXISTS', K.workspace, 'desired') == 0 then return R.unknown() end
local writes, isPast = cjson.decode(A.writes), {}
for _, write in ipairs(cjson.decode(A.past)) do isPast[write] = true end

local others, blockers, noted = {}, {}, {}
for path in pairs(writes) do
  noted[path] = redis.call('HGET', K.unsettled, path) or nil
  for write, at, mode in (noted[path] or ''):gmatch('([^:,]+):(%d+):(%l)') do
    local other = { path, write, math.max(0, now - tonumber(at)) }
    others[#others + 1] = other
    if not isPast[write] and (A.mode == 'x' or (A.mode == 's' and mode == 'x')) then blockers[#blockers + 1] = other end
  end
end
if #blockers > 0 then return R.busy { others = cjson.encode(blockers) } end
if A.mode ~= 'l' then
  for path, write in pairs(writes) do
    local own = write .. ':' .. digits(now) .. ':' .. A.mode
    redis.call('HSET', K.unsettled, path, noted[path] and noted[path] .. ',' .. own or own)
  end
  redis.call('PEXPIRE', K.unsettled, A.keptMs)
end
return R.noted { others = #others > 0 and cjson.encode(others) }
