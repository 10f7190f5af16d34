-- Wait for a unit, first come first served. Answers with the place in the line, with 0 when a unit was free at once,
-- or with the reason why not. Who waits already keeps their place.
local epoch, buyer_id, waiting_most = ARGV[1], ARGV[2], tonumber(ARGV[3])

local pool, now = read_pool(), now_ms()
if not is_current(pool, epoch) then return 'recovering' end
if now < pool.starts then return 'not_open' end
if pool.closed then return 'ended' end
if pool.undrawn then return 'not_open' end
if now >= pool.closes then return 'ended' end
end_holds(pool, now, false)
drop_overdue(pool, buyer_id, now)
local place = redis.call('ZRANK', WAITING, buyer_id)
if not place then
    if read_buyer(buyer_id)[1] >= pool.limit then
        hand_on(pool, now)
        return 'buyer_limit'
    end
    if redis.call('ZCARD', WAITING) >= waiting_most then
        hand_on(pool, now)
        return 'waitlist_full'
    end
    redis.call('ZADD', WAITING, redis.call('HINCRBY', POOL, 'tickets', 1), buyer_id)
end
hand_on(pool, now)
place = redis.call('ZRANK', WAITING, buyer_id)
if place then return place + 1 end
-- Who waited and got what they may have in another way left the line without a unit.
return #read_buyer(buyer_id) > 1 and 0 or 'buyer_limit'
