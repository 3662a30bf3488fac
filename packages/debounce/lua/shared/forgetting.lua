-- Uses: events digits
-- Deletes every key of a workspace but its windows, which nobody can claim any more: the caller deletes those first.
local function forget(id)
  redis.call('DEL', K.workspace, K.state, K.startedAt, K.why, K.covers, K.journal, K.lastCycle, K.spent, K.activity,
    K.idempotency, K.idempotencyOrder, K.shadow)
  redis.call('ZREM', K.due, id)
  redis.call('ZREM', K.hinted, id)
  redis.call('ZREM', K.phases, id)
  redis.call('ZREM', K.seen, id)
  redis.call('ZREM', K.down, id)
  redis.call('ZREM', K.workspaces, id)
end

-- Into the shard's stream alone: the activity list is gone with the rest.
local function emitRemoved(id, now, payload)
  redis.call('XADD', K.events, 'MAXLEN', '~', EVENTS_KEPT, '*', 'event', 'WORKSPACE_REMOVED', 'workspace_id', id,
    'timestamp', digits(now), 'payload', cjson.encode(payload))
end
