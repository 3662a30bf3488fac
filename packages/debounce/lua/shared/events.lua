-- Uses: digits
local EVENTS_KEPT = '10000'
local ACTIVITY_KEPT = 200

-- Into the shard's stream and the workspace's activity; `streamOnly` keeps what comes in numbers out of the latter.
-- `payload`: a table, or JSON.
local function emit(id, event, now, payload, streamOnly)
  local at = digits(now)
  local encoded = type(payload) == 'string' and payload or cjson.encode(payload)
  local entry = redis.call('XADD', K.events, 'MAXLEN', '~', EVENTS_KEPT, '*',
    'event', event, 'workspace_id', id, 'timestamp', at, 'payload', encoded)
  if streamOnly then return end
  local kept = redis.call('LPUSH', K.activity, '{"id":"' .. entry .. '","event":"' .. event .. '","workspace_id":"' .. id
    .. '","timestamp":' .. at .. ',"payload":' .. encoded .. '}')
  if kept > ACTIVITY_KEPT then redis.call('LTRIM', K.activity, 0, ACTIVITY_KEPT - 1) end
  redis.call('PEXPIRE', K.activity, A.activityTtlMs)
end

-- The JSON of an object, with one more member, which is JSON already; without, if that is nil.
local function withMember(object, name, json)
  return json and object:sub(1, -2) .. ',"' .. name .. '":' .. json .. '}' or object
end
