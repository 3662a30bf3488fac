-- The quiet hours of the policy, {start, end} in order. Scripts that know no policy know none: what they let wake up in
-- them finds it too early.
local quietHours = {}
