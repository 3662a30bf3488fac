-- Whole numbers among the arguments, looked at before anything is read or written: what raises later may have changed half.

local function whole(name, mayBeEmpty)
  local value = A[name]
  if mayBeEmpty and value == '' then return end
  local number = tonumber(value)
  if not number or number < 0 or number > 9007199254740991 or number ~= math.floor(number) then
    error({ err = 'ERR expected ' .. name .. ' to be a whole number, got "' .. tostring(value) .. '"' })
  end
end
