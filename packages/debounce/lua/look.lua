-- Says whose turn it is to be looked at: round a shard's workspaces once in an interval, evenly, whichever workers ask.
-- Uses: clock digits
-- KEYS: workspaces looking
-- ARGV: intervalMs most now
-- Whole: intervalMs most now?
-- `intervalMs`: 0 = nobody looks from here on
-- Reply: turn now ids
-- The hash `looking`: when somebody asked last (`at`), the last id given (`after`), what is left of a turn (`carry`), when the
-- round under way began and how long the one before took (`roundAt`, `roundMs`), and the interval.

-- What nobody looked at for long is not looked at in one burst.
local MOST_OF_A_ROUND = 1 / 4

local now = clock()
local interval = tonumber(A.intervalMs)
if interval == 0 then
  redis.call('DEL', K.looking)
  return R.turn { now = digits(now), ids = {} }
end
local fields = redis.call('HMGET', K.looking, 'at', 'after', 'carry', 'roundAt')
local at, after, carry, roundAt = tonumber(fields[1] or nil), fields[2] or '', tonumber(fields[3] or 0), fields[4] or digits(now)
local registered = redis.call('ZCARD', K.workspaces)
if at then
  carry = math.min(carry + registered * math.max(0, now - at) / interval, math.max(1, registered * MOST_OF_A_ROUND))
end
local count = math.min(math.floor(carry), tonumber(A.most), registered)
local ids = {}
if count > 0 then
  ids = redis.call('ZRANGE', K.workspaces, after == '' and '-' or '(' .. after, '+', 'BYLEX', 'LIMIT', 0, count)
  if #ids < count then
    for _, id in ipairs(redis.call('ZRANGE', K.workspaces, '-', '+', 'BYLEX', 'LIMIT', 0, count - #ids)) do
      ids[#ids + 1] = id
    end
    redis.call('HSET', K.looking, 'roundMs', digits(now - tonumber(roundAt)))
    roundAt = digits(now)
  end
  after = ids[#ids]
end
redis.call('HSET', K.looking, 'intervalMs', A.intervalMs, 'at', digits(now), 'after', after,
  'carry', string.format('%.6f', carry - count), 'roundAt', roundAt)
return R.turn { now = digits(now), ids = ids }
