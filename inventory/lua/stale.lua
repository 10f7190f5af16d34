-- Holds submitted before now - ARGV[1] and not resolved, ARGV[3] of them from the ARGV[2]th on: the pool's number, then
-- key, packed hold, ...
local age_ms, offset, most = tonumber(ARGV[1]), ARGV[2], ARGV[3]

local found = {redis.call('HGET', POOL, 'no')}
for _, key in ipairs(redis.call('ZRANGEBYSCORE', SUBMITTED, '-inf', now_ms() - age_ms, 'LIMIT', offset, most)) do
    found[#found + 1] = key
    found[#found + 1] = redis.call('HGET', HOLDS, key)
end
return found
