-- Reads everything about one workspace at one moment. Writes nothing.
-- Uses: clock
-- KEYS: workspace state startedAt why covers lastCycle journal
-- ARGV: now
-- Whole: now?
-- Reply: seen now workspace state why covers cooldownEndsAt lastCycle journal
-- `workspace`, `state`, `why`: their fields, flat lists; `covers`, `lastCycle`: JSON

return R.seen { now = clock(), workspace = redis.call('HGETALL', K.workspace), state = redis.call('HGETALL', K.state),
  why = redis.call('HGETALL', K.why), covers = redis.call('GET', K.covers), cooldownEndsAt = redis.call('GET', K.startedAt),
  lastCycle = redis.call('GET', K.lastCycle), journal = redis.call('GET', K.journal) }
