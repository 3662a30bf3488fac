-- All keys of webhooks are in one slot, {<prefix>:webhooks}.
--
-- A webhook is one hash:
--   url events workspaces format secret createdAt   what was registered
--   previousSecret previousUntil                    the secret before, which signs, too, until then
--   revision                                        rises with every change of it
--   cursor:<stream>                                 its last entry that is done with: the shards' by number, then the fleet's
--   owner fence leaseEndsAt                         who delivers, until when
--   delivered lastDeliveredAt                       how often and when it went well
--   attempts failingSince retryAt lastError         since something was taken last: what was not
--   stuck:<stream>                                  since when its next event is not taken
--   setAside                                        how many events were, ever; which ones, the sorted set `aside` tells
--   disabledAt disabledReason                       nothing is delivered until somebody registers it again

local FAILURE = { 'attempts', 'failingSince', 'retryAt', 'lastError' }

-- Wakes every process that waits for something to do.
local function tellChange(id) redis.call('XADD', K.changes, 'MAXLEN', 1, '*', 'webhook', id) end

-- Whether the caller may still write: nobody has taken over, and nobody has removed it.
local function isOwner(hook) return hook.url and hook.fence == A.fence end

-- The receiver takes what it is told.
local function delivered(count, now)
  if count == 0 then return end
  redis.call('HINCRBY', K.webhook, 'delivered', count)
  redis.call('HSET', K.webhook, 'lastDeliveredAt', now)
  redis.call('HDEL', K.webhook, unpack(FAILURE))
end

-- The events of a stream up to the cursor are done with.
local function moveOn(stream, cursor)
  redis.call('HSET', K.webhook, 'cursor:' .. stream, cursor)
  redis.call('HDEL', K.webhook, 'stuck:' .. stream)
end

-- A secret that was replaced signs no longer than was asked for.
local function dropPreviousSecret(hook, now)
  if hook.previousUntil and tonumber(hook.previousUntil) <= now then
    redis.call('HDEL', K.webhook, 'previousSecret', 'previousUntil')
  end
end

local function extend(now) redis.call('HSET', K.webhook, 'leaseEndsAt', now + tonumber(A.leaseMs)) end
