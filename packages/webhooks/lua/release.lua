-- Gives the lease up, so that another process need not wait for its end.
-- Uses: hash webhook
-- KEYS: webhook changes
-- ARGV: id fence
-- Reply: lost
-- Reply: released
if not isOwner(readHash(K.webhook)) then return R.lost() end
redis.call('HDEL', K.webhook, 'owner', 'leaseEndsAt')
tellChange(A.id)
return R.released()
