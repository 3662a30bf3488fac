-- Forgets a webhook; who delivers for it finds its lease lost.
-- Uses: webhook
-- KEYS: webhook webhooks aside changes
-- ARGV: id
-- Reply: removed
-- Reply: unknown
if redis.call('DEL', K.webhook) == 0 then return R.unknown() end
redis.call('DEL', K.aside)
redis.call('SREM', K.webhooks, A.id)
tellChange(A.id)
return R.removed()
