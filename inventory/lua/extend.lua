-- The pool takes claims until another moment.
local epoch, ends_at_ms = ARGV[1], ARGV[2]

if redis.call('HGET', POOL, 'epoch') ~= epoch then return 0 end
redis.call('HSET', POOL, 'ends', ends_at_ms)
return 1
