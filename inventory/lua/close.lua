-- Take no more claims, for good. With ARGV[1] = '1' live holds that are not being paid end too.
local release_holds = ARGV[1] == '1'

if redis.call('EXISTS', POOL) == 0 then return {} end
redis.call('HSET', POOL, 'closed', 1)
expire_due(now_ms(), -1)
if release_holds then
    for _, hold_id in ipairs(redis.call('ZRANGE', DUE, 0, -1)) do
        free(hold_id, read_hold(hold_id), 'released', true)
    end
end
return redis.call('HMGET', POOL, 'epoch', 'allocated', 'available', 'held', 'sold')
