-- Nodes' clocks differ by some of it, and one that is kept right is set back by as much now and then: less is no matter.
local SET_BACK_BY = 1000
