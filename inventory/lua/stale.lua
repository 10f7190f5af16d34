-- Holds submitted before now - ARGV[1] and not resolved: hold_id, packed hold, ...
local found = {}
for _, hold_id in ipairs(redis.call('ZRANGEBYSCORE', SUBMITTED, '-inf', now_ms() - tonumber(ARGV[1]), 'LIMIT', 0, 100)) do
    found[#found + 1] = hold_id
    found[#found + 1] = redis.call('HGET', HOLDS, hold_id)
end
return found
