-- Expire overdue holds, and hand out the ends that buyers were not told yet: hold_id, packed {buyer_id, end}, ...
local most = tonumber(ARGV[1])

expire_due(now_ms(), most)
if redis.call('HLEN', ENDED) == 0 then return {} end
return redis.call('HGETALL', ENDED)
