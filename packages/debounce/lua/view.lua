-- Reads everything about one workspace at one moment. Writes nothing.
-- Uses: clock
-- KEYS: workspace state startedAt why covers lastCycle journal seen looking
-- ARGV: id now
-- Whole: now?
-- Reply: seen now workspace state why covers cooldownEndsAt lastCycle journal seenAt observeMs
-- `workspace`, `state`, `why`: their fields, flat lists; `covers`, `lastCycle`: JSON
-- `observeMs`: how often workers look at each; '' = they do not

return R.seen { now = clock(), workspace = redis.call('HGETALL', K.workspace), state = redis.call('HGETALL', K.state),
  why = redis.call('HGETALL', K.why), covers = redis.call('GET', K.covers), cooldownEndsAt = redis.call('GET', K.startedAt),
  lastCycle = redis.call('GET', K.lastCycle), journal = redis.call('GET', K.journal),
  seenAt = redis.call('ZSCORE', K.seen, A.id), observeMs = redis.call('HGET', K.looking, 'intervalMs') }
