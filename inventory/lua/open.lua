-- Begin the book of a pool. Repeating it, or doing it late, changes nothing.
local epoch, allocated, limit = ARGV[1], ARGV[2], ARGV[3]
local starts_at_ms, ends_at_ms, grace_ms, hold_ttl_ms = ARGV[4], ARGV[5], ARGV[6], ARGV[7]

if redis.call('EXISTS', POOL) == 1 then return 0 end
redis.call('HSET', POOL, 'epoch', epoch, 'allocated', allocated, 'available', allocated, 'held', 0, 'sold', 0,
    'limit', limit, 'starts', starts_at_ms, 'ends', ends_at_ms, 'grace', grace_ms, 'ttl', hold_ttl_ms, 'closed', 0)
return 1
