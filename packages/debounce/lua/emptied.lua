-- Tells on a shard that Redis came back empty: whoever reads its events then knows why it hears of nothing more.
-- Uses: clock events
-- KEYS: events
-- ARGV: now
-- Whole: now?
-- Reply: told
-- Events: REDIS_CAME_BACK_EMPTY

emitToStream('', 'REDIS_CAME_BACK_EMPTY', clock(), {})
return R.told()
