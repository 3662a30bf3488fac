-- Adds a page to the list of members; with the last one the rollout starts. Fenced.
-- Uses: clock hash rollout
-- KEYS: rollout order members running active events
-- ARGV: id fence leaseMs cursor nextCursor ids most now
-- Whole: leaseMs most now?
-- `cursor`: where the page began; a page that was added already is not added again. `nextCursor`: '' after the last page
-- Reply: frozen total
-- Reply: known
-- Reply: lost
-- Events: ROLLOUT_STARTED, ROLLOUT_ABORTED (more members than may be), ROLLOUT_FINISHED

local now = clock()
local rollout = readHash(K.rollout)
if not isDriver(rollout, now) then return R.lost() end
if rollout.prepared or (rollout.cursor or '') ~= A.cursor then return R.known() end
local place = redis.call('ZCARD', K.order)
for _, workspace in ipairs(cjson.decode(A.ids)) do
  place = place + 1
  redis.call('ZADD', K.order, 'NX', place, workspace)
end
set(rollout, { cursor = A.nextCursor, total = place })
if place > tonumber(A.most) then
  stop(rollout, 'aborting', 'size', now)
  endIfDone(rollout, now)
elseif A.nextCursor == '' then
  start(rollout, now)
end
return R.frozen { total = place }
