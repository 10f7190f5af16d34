-- Take no more claims, for good, and let those who wait go. Holds stay good.
if redis.call('EXISTS', POOL) == 0 then return 0 end
redis.call('HSET', POOL, 'closed', 1)
redis.call('DEL', WAITING)
return 1
