-- What `phases` keeps, so that the workspaces of each phase are counted without looking at any: idle ones are not in it,
-- nor are those that are only scheduled, which are in `due`. Phases end by themselves, at a time that is known: the band
-- of a score says which phase, which one follows, and whether the workspace is in `due` at all; within the band it says when.
local BAND = 1e14
local BANDS = { ['running'] = 1, ['backoff'] = 2, ['backoff, not due'] = 3, ['failed, not due'] = 4,
  ['backoff, then scheduled'] = 5, ['held, then scheduled'] = 6, ['held, then backoff'] = 7,
  ['held, then backoff, not due'] = 8, ['held, then failed, not due'] = 9, ['held, then idle, not due'] = 10 }
