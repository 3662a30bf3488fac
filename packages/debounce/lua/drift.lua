-- Records in which fields what runs differs from its spec, unless a cycle has begun, or shall begin, since that was looked at.
-- Uses: clock hash state refusal events digits
-- KEYS: workspace state startedAt why events activity
-- ARGV: id fence fields target activityTtlMs now
-- Whole: activityTtlMs now?
-- `fields`: JSON list of names, '[]' = in none; `target`: names how it would be started now
-- Reply: stale
-- Reply: recorded ask
-- `ask`: 1 = a trigger of source spec-change shall ask for a restart
-- Events: WORKSPACE_DRIFTED

-- Workers that lay specs over different defaults must not have a workspace restarted in turns.
local ASKED_AGAIN_MS = 10 * 60 * 1000

local now = clock()
local fields = cjson.decode(A.fields)
local workspace = readHash(K.workspace)
local state = readState(now)
if workspace.desired ~= 'running' or (state.fence or '') ~= A.fence or state.cycle or state.desireAt then return R.stale() end
if #fields == 0 then
  redis.call('HDEL', K.workspace, 'drift', 'specAsk', 'specHeld')
  return R.recorded { ask = 0 }
end
local known = workspace.drift and cjson.decode(workspace.drift)
local isOwed = state.owedAt and redis.call('HEXISTS', K.why, 'spec-change') == 1
local mayAsk = not isOwed and not workspace.specHeld and not refusalOf(workspace)
local isRecent = workspace.specTarget == A.target and now < tonumber(workspace.specTargetAt) + ASKED_AGAIN_MS
local ask = mayAsk and (workspace.specAsk or not isRecent)
if ask then redis.call('HSET', K.workspace, 'specTarget', A.target, 'specTargetAt', digits(now)) end
if not known or table.concat(known.fields, ' ') ~= table.concat(fields, ' ') then
  redis.call('HSET', K.workspace, 'drift', cjson.encode { fields = fields, since = known and known.since or now })
  emit(A.id, 'WORKSPACE_DRIFTED', now, { fields = fields, restart = not workspace.specHeld })
end
return R.recorded { ask = ask and 1 or 0 }
