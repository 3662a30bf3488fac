-- Forgets noted writes: the triggers for them are recorded, or they came to nothing. See announce-writes.lua.
-- `writes`: JSON of [path, write].
-- KEYS: unsettled
-- ARGV: writes
-- Reply: settled

for _, pair in ipairs(cjson.decode(A.writes)) do
  local path, gone = pair[1], pair[2]
  local kept = {}
  for note, write in (redis.call('HGET', K.unsettled, path) or ''):gmatch('(([^:,]+):%d+:%l)') do
    if write ~= gone then kept[#kept + 1] = note end
  end
  if #kept > 0 then redis.call('HSET', K.unsettled, path, table.concat(kept, ',')) else redis.call('HDEL', K.unsettled, path) end
end
return R.settled()
