-- Counts triggers that a claimed window drops by itself.
-- The first drop of the window was told, and since then nothing has happened to the workspace that would call for another
-- judgement: whatever might, clears `windowAnswers`.
-- Uses: clock digits drops
-- KEYS: state recent
-- ARGV: source count now
-- Batch: remembered
-- Shared: recent source now
-- Reply: {'suppressed', generation, windowEndsAt, suppressed, now}   as trigger.lua would have dropped them, rule window
-- Reply: {'judge'}   it is for trigger.lua to say

local now = clock()
local suppressed, drops = 'suppressed:' .. A.source, 'drops:' .. A.source .. '|window'
local fields = redis.call('HMGET', K.state, 'windowAnswers', suppressed, drops, 'generation')
local untilTime, source = (fields[1] or ''):match('^(%d+) (.*)$')
if source ~= A.source or tonumber(untilTime) <= now then return { 'judge' } end
local count = digits((fields[2] or 0) + A.count)
redis.call('HSET', K.state, suppressed, count, drops, countDrops(fields[3], A.count, now))
return { 'suppressed', fields[4] or '0', untilTime, count, digits(now) }
