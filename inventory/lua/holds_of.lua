-- Live and submitted holds of the buyers in ARGV, at most 500, buyer by buyer: hold_id, packed hold, ...
local now = now_ms()
local found = {}
for _, packed in ipairs(redis.call('HMGET', BUYERS, unpack(ARGV))) do
    local buyer = packed and cmsgpack.unpack(packed) or {}
    for i = 2, #buyer do
        local hold = read_hold(buyer[i])
        if hold and (hold[1] == 'submitted' or hold[4] > now) then
            found[#found + 1] = buyer[i]
            found[#found + 1] = cmsgpack.pack(hold)
        end
    end
end
return found
