local EVENTS_KEPT = 10000
local ACTIVITY_KEPT = 200

-- Into the shard's stream and the workspace's activity; `streamOnly` keeps what comes in numbers out of the latter.
local function emit(id, event, now, payload, streamOnly)
  local encoded = cjson.encode(payload)
  local entry = redis.call('XADD', K.events, 'MAXLEN', '~', EVENTS_KEPT, '*',
    'event', event, 'workspace_id', id, 'timestamp', now, 'payload', encoded)
  if streamOnly then return end
  redis.call('LPUSH', K.activity,
    '{"id":"' .. entry .. '","event":"' .. event .. '","workspace_id":"' .. id .. '","timestamp":' .. now .. ',"payload":' .. encoded .. '}')
  redis.call('LTRIM', K.activity, 0, ACTIVITY_KEPT - 1)
  redis.call('PEXPIRE', K.activity, A.activityTtlMs)
end
