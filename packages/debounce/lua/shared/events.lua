-- Uses: digits
local EVENTS_KEPT = '10000'
local ACTIVITY_KEPT = 200

-- `payload`: a table, or JSON. Tells the event as the activity has it.
local function emitToStream(id, event, now, payload)
  local at = digits(now)
  local encoded = type(payload) == 'string' and payload or cjson.encode(payload)
  local entry = redis.call('XADD', K.events, 'MAXLEN', '~', EVENTS_KEPT, '*',
    'event', event, 'workspace_id', id, 'timestamp', at, 'payload', encoded)
  return '{"id":"' .. entry .. '","event":"' .. event .. '","workspace_id":"' .. id .. '","timestamp":' .. at
    .. ',"payload":' .. encoded .. '}'
end

-- Oldest first.
local function keepInActivity(...)
  if redis.call('LPUSH', K.activity, ...) > ACTIVITY_KEPT then redis.call('LTRIM', K.activity, 0, ACTIVITY_KEPT - 1) end
  redis.call('PEXPIRE', K.activity, A.activityTtlMs)
end

-- Into the shard's stream and the workspace's activity; `streamOnly` keeps what comes in numbers out of the latter.
local function emit(id, event, now, payload, streamOnly)
  local told = emitToStream(id, event, now, payload)
  if not streamOnly then keepInActivity(told) end
end

-- The JSON of an object, with one more member, which is JSON already; without, if that is nil.
local function withMember(object, name, json)
  return json and object:sub(1, -2) .. ',"' .. name .. '":' .. json .. '}' or object
end
