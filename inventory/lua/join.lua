-- Wait for a unit, first come first served. Answers for each buyer, in order, with the place in the line, with 0 when a
-- unit was free at once, or with the reason why not. Who waits already keeps their place.
local epoch, waiting_most = ARGV[1], tonumber(ARGV[2])

local pool, now = read_pool(), now_ms()

local function refusal()
    if not is_current(pool, epoch) then return 'recovering' end
    if now < pool.starts then return 'not_open' end
    if pool.closed then return 'ended' end
    if pool.undrawn then return 'not_open' end
    if now >= pool.closes then return 'ended' end
end

local function join(buyer_id)
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
end

local refused = refusal()
if not refused then end_holds(pool, now, false) end
local answers = {}
for at = 3, #ARGV do
    answers[at - 2] = refused or join(ARGV[at])
end
return answers
