-- Forgets a webhook; who delivers for it finds its lease lost.
-- Uses: webhook
-- KEYS: webhook webhooks aside changes
-- ARGV: id now
-- Reply: 'removed' | 'unknown'
if redis.call('DEL', K.webhook) == 0 then return { 'unknown' } end
redis.call('DEL', K.aside)
redis.call('SREM', K.webhooks, A.id)
tellChange(A.id)
return { 'removed' }
