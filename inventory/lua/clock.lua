-- The one clock that decides about holds: this server's (D6). Tests put another file in its place.
local function now_ms()
    local time = redis.call('TIME')
    return time[1] * 1000 + math.floor(time[2] / 1000)
end
