-- Begin the book of a pool. Repeating it, or doing it late, changes nothing.
local no, epoch, allocated, limit, starts_at_ms, ends_at_ms, grace_ms, hold_ttl_ms, waitlist_ttl_ms, mode =
    unpack(ARGV)

if redis.call('EXISTS', POOL) == 1 then return 0 end
redis.call('HSET', POOL, 'no', no, 'epoch', epoch, 'server', run_id(), 'allocated', allocated, 'available', allocated, 'held', 0,
    'sold', 0, 'limit', limit, 'starts', starts_at_ms, 'ends', ends_at_ms, 'grace', grace_ms, 'ttl', hold_ttl_ms,
    'waitlist_ttl', waitlist_ttl_ms, 'mode', mode, 'closed', 0)
return 1
