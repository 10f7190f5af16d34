-- Holds submitted before now - ARGV[1] and not resolved: the pool's number, then key, packed hold, ...
local found = {redis.call('HGET', POOL, 'no')}
for _, key in ipairs(redis.call('ZRANGEBYSCORE', SUBMITTED, '-inf', now_ms() - tonumber(ARGV[1]), 'LIMIT', 0, 100)) do
    found[#found + 1] = key
    found[#found + 1] = redis.call('HGET', HOLDS, key)
end
return found
