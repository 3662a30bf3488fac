-- Gives the lease up, so that another process need not wait for its end.
-- Uses: hash webhook
-- KEYS: webhook changes
-- ARGV: id fence now
-- Reply: 'lost' | 'released'
if not isOwner(readHash(K.webhook)) then return { 'lost' } end
redis.call('HDEL', K.webhook, 'owner', 'leaseEndsAt')
tellChange(A.id)
return { 'released' }
