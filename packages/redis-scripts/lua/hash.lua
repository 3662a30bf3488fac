-- A whole hash as a table of strings; also flat, as Redis tells it.

local function readHash(key)
  local flat, fields = redis.call('HGETALL', key), {}
  for i = 1, #flat, 2 do fields[flat[i]] = flat[i + 1] end
  return fields, flat
end
