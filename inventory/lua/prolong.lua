-- The pool takes claims until a later moment. Repeating it, or an earlier one that comes late, changes nothing.
local epoch, ends_at_ms = ARGV[1], ARGV[2]

if redis.call('HGET', POOL, 'epoch') ~= epoch then return 0 end
if tonumber(ends_at_ms) > tonumber(redis.call('HGET', POOL, 'ends')) then
    redis.call('HSET', POOL, 'ends', ends_at_ms)
    hand_on(read_pool(), now_ms())
end
return 1
