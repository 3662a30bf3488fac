-- Notes that workspaces were seen alive, which were known to be. Of any that is not any more it notes nothing.
-- KEYS: seen
-- ARGV: ids lookedAt
-- Whole: lookedAt
-- `ids`: JSON. A look from before a newer one, or from before a cycle's good end, changes nothing.
-- Reply: noted

local pairsOf = {}
for _, id in ipairs(cjson.decode(A.ids)) do
  pairsOf[#pairsOf + 1] = A.lookedAt
  pairsOf[#pairsOf + 1] = id
end
redis.call('ZADD', K.seen, 'XX', 'GT', unpack(pairsOf))
return R.noted()
