-- A clock that the test turns: the time stands in a key of the pool's. It is not among KEYS, so one server only.
local function now_ms()
    return tonumber(redis.call('GET', string.match(KEYS[1], '^%b{}') .. ':test-clock'))
end
