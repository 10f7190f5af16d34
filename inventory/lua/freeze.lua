-- Take no more claims, for good, and let those who wait go. Holds stay good.
local closed = redis.call('HGET', POOL, 'closed')
if not closed then return 0 end
if closed ~= '1' then redis.call('HSET', POOL, 'closed', 1) end
if redis.call('EXISTS', WAITING) == 1 then redis.call('DEL', WAITING) end
return 1
