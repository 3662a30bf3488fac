-- Registers a webhook, or changes it: then it goes on where it stands, and what failed is tried again.
-- Uses: clock hash webhook
-- KEYS: webhook webhooks changes
-- ARGV: id url events workspaces format secret newSecret overlapMs enabled cursors most now
-- Whole: overlapMs most now?
-- Reply: too-many
-- Reply: created secret
-- Reply: updated
-- `overlapMs`: for how long the secret that another replaces signs, too.
-- `secret` empty = keep it; `newSecret` is for a new webhook without one. `cursors`: JSON, the end of each stream.
local now = clock()
local isNew = redis.call('EXISTS', K.webhook) == 0
if isNew and redis.call('SCARD', K.webhooks) >= tonumber(A.most) then return R['too-many']() end

redis.call('HSET', K.webhook, 'url', A.url, 'events', A.events, 'workspaces', A.workspaces, 'format', A.format)
redis.call('HINCRBY', K.webhook, 'revision', 1)
redis.call('HDEL', K.webhook, 'disabledAt', 'disabledReason', unpack(FAILURE))
for field in pairs(readHash(K.webhook)) do
  if field:find('^stuck:') then redis.call('HDEL', K.webhook, field) end
end
if A.enabled ~= 'true' then redis.call('HSET', K.webhook, 'disabledAt', now, 'disabledReason', 'turned off') end

local secret = A.secret ~= '' and A.secret or (isNew and A.newSecret or nil)
local before = redis.call('HGET', K.webhook, 'secret')
if secret and before and before ~= secret then
  local overlapMs = tonumber(A.overlapMs)
  redis.call('HDEL', K.webhook, 'previousSecret', 'previousUntil')
  if overlapMs > 0 then
    redis.call('HSET', K.webhook, 'previousSecret', before, 'previousUntil', now + overlapMs)
  end
end
if secret then redis.call('HSET', K.webhook, 'secret', secret) end
if isNew then
  redis.call('HSET', K.webhook, 'createdAt', now)
  for i, cursor in ipairs(cjson.decode(A.cursors)) do redis.call('HSET', K.webhook, 'cursor:' .. (i - 1), cursor) end
  redis.call('SADD', K.webhooks, A.id)
end
tellChange(A.id)
-- A command that is sent again finds what it made.
if redis.call('HGET', K.webhook, 'secret') == A.newSecret then return R.created { secret = A.newSecret } end
if isNew then return R.created { secret = secret } end
return R.updated()
