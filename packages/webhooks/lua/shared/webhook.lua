-- All keys of webhooks are in one slot, {<prefix>:webhooks}.
--
-- A webhook is one hash:
--   url events workspaces format secret createdAt   what was registered
--   revision                                        rises with every change of it
--   cursor:<stream>                                 its last entry that is done with: the shards' by number, then the fleet's
--   owner fence leaseEndsAt                         who delivers, until when
--   delivered lastDeliveredAt                       how often and when it went well
--   attempts failingSince retryAt lastError         of the event that comes next and was not taken
--   disabledAt disabledReason                       nothing is delivered until somebody registers it again

local FAILURE = { 'attempts', 'failingSince', 'retryAt', 'lastError' }

-- Wakes every process that waits for something to do.
local function tellChange(id) redis.call('XADD', K.changes, 'MAXLEN', 1, '*', 'webhook', id) end

-- Whether the caller may still write: nobody has taken over, and nobody has removed it.
local function isOwner(hook) return hook.url and hook.fence == A.fence end

local function extend(now) redis.call('HSET', K.webhook, 'leaseEndsAt', now + tonumber(A.leaseMs)) end
