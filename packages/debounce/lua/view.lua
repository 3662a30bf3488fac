-- Reads everything about one workspace at one moment. Writes nothing.
-- Uses: clock
-- KEYS: workspace state startedAt why covers lastCycle journal
-- ARGV: now
-- Reply: {now, workspace fields, state fields, why fields (each a flat array), covers as JSON|'', cooldownEndsAt|'',
-- Reply:  lastCycle as JSON|'', journal|''}

return { clock(), redis.call('HGETALL', K.workspace), redis.call('HGETALL', K.state), redis.call('HGETALL', K.why),
  redis.call('GET', K.covers) or '', redis.call('GET', K.startedAt) or '', redis.call('GET', K.lastCycle) or '',
  redis.call('GET', K.journal) or '' }
