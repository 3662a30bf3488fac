-- Reads what must be known of a workspace to look at it. Writes nothing.
-- Uses: clock digits
-- KEYS: workspace state seen
-- ARGV: id now
-- Whole: now?
-- Shared: seen now
-- Reply: facts now fence busy desired runtime status spec instance tags seenAt downAt stray specUsed drift specAsk
-- `busy`: a cycle runs, waits for its retry or is about to: what is seen now says nothing. `desired`: '' = nobody registered it

local workspace = redis.call('HMGET', K.workspace, 'desired', 'runtime', 'status', 'spec', 'instance', 'tags', 'downAt', 'stray',
  'specUsed', 'drift', 'specAsk')
local state = redis.call('HMGET', K.state, 'fence', 'cycle', 'desireAt')
return R.facts { now = digits(clock()), fence = state[1], busy = (state[2] or state[3]) and 1 or 0, desired = workspace[1],
  runtime = workspace[2], status = workspace[3], spec = workspace[4], instance = workspace[5], tags = workspace[6],
  seenAt = redis.call('ZSCORE', K.seen, A.id), downAt = workspace[7], stray = workspace[8],
  specUsed = workspace[9], drift = workspace[10], specAsk = workspace[11] and 1 or 0 }
