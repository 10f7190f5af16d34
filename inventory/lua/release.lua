-- The buyer gives a live hold back. Answers with the hold as it is afterwards.
local hold_id, buyer_id = ARGV[1], ARGV[2]

local hold = read_hold(hold_id)
if not hold or hold[2] ~= buyer_id then return false end
if hold[1] == 'held' then
    free(hold_id, hold, hold[4] <= now_ms() and 'expired' or 'released', true)
end
return cmsgpack.pack(hold)
