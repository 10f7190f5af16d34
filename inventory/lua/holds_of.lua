-- A buyer's live and submitted holds: hold_id, packed hold, ...
local buyer = read_buyer(ARGV[1])
local found = {}
local now = now_ms()
for i = 2, #buyer do
    local hold = read_hold(buyer[i])
    if hold and (hold[1] == 'submitted' or hold[4] > now) then
        found[#found + 1] = buyer[i]
        found[#found + 1] = cmsgpack.pack(hold)
    end
end
return found
