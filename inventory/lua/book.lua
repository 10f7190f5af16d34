-- What every script of the hold book shares; it stands before each of them.
--
-- Keys of one pool, all under its hash tag:
--   pool       hash    epoch, allocated, available, held, sold, and the terms of the offer
--   holds      hash    hold_id -> packed {status, buyer_id, quantity, expires_at_ms, claim_id}
--   claims     hash    claim_id -> hold_id, so that a claim that comes again gets the answer it got first
--   buyers     hash    buyer_id -> packed {units held or bought, hold_id of each live hold ...}
--   due        zset    live holds by deadline
--   submitted  zset    holds being paid, by the time they were submitted
--   ended      hash    hold_id -> packed {buyer_id, end}: ends that the buyer was not told yet

local POOL, HOLDS, CLAIMS, BUYERS, DUE, SUBMITTED, ENDED =
    KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7]

-- Overdue holds freed on the way of another call; the sweeper comes for the rest.
local EXPIRE_ON_THE_WAY = 100

local function now_ms()
    local time = redis.call('TIME')
    return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function read_hold(hold_id)
    local packed = redis.call('HGET', HOLDS, hold_id)
    return packed and cmsgpack.unpack(packed)
end

local function write_hold(hold_id, hold)
    redis.call('HSET', HOLDS, hold_id, cmsgpack.pack(hold))
end

local function read_buyer(buyer_id)
    local packed = redis.call('HGET', BUYERS, buyer_id)
    return packed and cmsgpack.unpack(packed) or {0}
end

-- Takes a hold off its buyer's live list; `units` is what their count changes by.
local function leave_buyer(buyer_id, hold_id, units)
    local buyer = read_buyer(buyer_id)
    local kept = {buyer[1] + units}
    for i = 2, #buyer do
        if buyer[i] ~= hold_id then kept[#kept + 1] = buyer[i] end
    end
    redis.call('HSET', BUYERS, buyer_id, cmsgpack.pack(kept))
end

-- Gives the units of a held or submitted hold back to the pool. `tell` notes the end for the buyer.
local function free(hold_id, hold, ending, tell)
    hold[1] = ending
    write_hold(hold_id, hold)
    redis.call('ZREM', DUE, hold_id)
    redis.call('ZREM', SUBMITTED, hold_id)
    leave_buyer(hold[2], hold_id, -hold[3])
    redis.call('HINCRBY', POOL, 'held', -hold[3])
    redis.call('HINCRBY', POOL, 'available', hold[3])
    if tell then redis.call('HSET', ENDED, hold_id, cmsgpack.pack({hold[2], ending})) end
end

local function expire_due(now, most)
    for _, hold_id in ipairs(redis.call('ZRANGEBYSCORE', DUE, '-inf', now, 'LIMIT', 0, most)) do
        free(hold_id, read_hold(hold_id), 'expired', true)
    end
end
