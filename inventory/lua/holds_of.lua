-- Live holds of the buyers in ARGV, also those being paid, buyer by buyer: the pool's number, then key,
-- packed hold, ...
local now = now_ms()
local found = {redis.call('HGET', POOL, 'no')}
for _, packed in ipairs(redis.call('HMGET', BUYERS, unpack(ARGV))) do
    local buyer = packed and cmsgpack.unpack(packed) or {}
    for i = 2, #buyer do
        local hold = read_hold(buyer[i])
        if hold and (hold[STATUS] == PAYING or deadline(hold) > now) then
            found[#found + 1] = buyer[i]
            found[#found + 1] = cmsgpack.pack(hold)
        end
    end
end
return found
