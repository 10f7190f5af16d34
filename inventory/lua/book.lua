-- What every script of the hold book shares; it stands before each of them.
--
-- Keys of one pool, all under its hash tag:
--   pool       hash   no, epoch, server, allocated, available, held, sold, tickets, and the terms of the offer;
--                     a draw has `drawn` from the moment at which its line is complete
--   holds      hash   key -> packed hold; a hold's key is the last 8 characters of its id
--   buyers     hash   buyer_id -> packed {units held or bought, key of each live hold ...}
--   due        zset   bundles of keys, written one after the other, by deadline; a key may be in a bundle and not due
--   submitted  zset   keys of holds being paid, by the time they were submitted
--   news       hash   key .. what happened -> packed {buyer_id, born, deadline, quantity}: what buyers were not told yet
--   waiting    zset   buyer_id by ticket: who is next when units come back
local POOL, HOLDS, BUYERS, DUE, SUBMITTED, NEWS, WAITING = unpack(KEYS)

-- A hold: {status, buyer_id, quantity, born_ms, life_ms, claim[, asked quantity, extensions]}; `claim` is its id
-- without what the key says already.
local STATUS, BUYER, QUANTITY, BORN, LIFE, CLAIM, ASKED, EXTENSIONS = 1, 2, 3, 4, 5, 6, 7, 8
local HELD, PAYING, SOLD, RELEASED, EXPIRED, PROMOTED = '0', '1', '2', '3', '4', '5'

local KEY_CHARS = 8
local BUNDLE_MOST = 64 -- keys of one bundle
local DEADLINE_STEP_MS = 20 -- deadlines are multiples of it, so that bundles fill

-- Names this process of the server: after a restart or a failover it is another one, whatever its memory holds.
local function run_id()
    return string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
end

local function read_pool()
    local row = redis.call('HMGET', POOL, 'epoch', 'server', 'allocated', 'available', 'held', 'sold', 'limit', 'starts',
        'ends', 'grace', 'ttl', 'waitlist_ttl', 'closed', 'no', 'mode', 'drawn')
    local draw = row[15] == 'draw'
    return {
        epoch = row[1], server = row[2], allocated = tonumber(row[3]),
        available = tonumber(row[4]), was_available = tonumber(row[4]),
        held = tonumber(row[5]), was_held = tonumber(row[5]), sold = tonumber(row[6]), limit = tonumber(row[7]),
        -- A draw's units pass on until Postgres closes it.
        starts = tonumber(row[8]), closes = draw and math.huge or row[9] and row[9] + row[10],
        ttl = tonumber(row[11]), waitlist_ttl = tonumber(row[12]), closed = row[13] == '1', no = row[14],
        draw = draw, undrawn = draw and not row[16],
    }
end

-- Every move of units changes two of the three.
local function write_units(pool)
    if pool.available ~= pool.was_available or pool.held ~= pool.was_held then
        redis.call('HSET', POOL, 'available', pool.available, 'held', pool.held, 'sold', pool.sold)
        pool.was_available, pool.was_held = pool.available, pool.held
    end
end

-- Whether units may be given away: the caller knows this life of the book, and this server process began it.
local function is_current(pool, epoch)
    return pool.epoch == epoch and pool.server == run_id()
end

-- `born` comes from the hold id that somebody names; with another one it is not this hold.
local function read_hold(key, born)
    local packed = redis.call('HGET', HOLDS, key)
    local hold = packed and cmsgpack.unpack(packed)
    return hold and (born == nil or hold[BORN] == born) and hold or nil
end

local function write_hold(key, hold)
    redis.call('HSET', HOLDS, key, cmsgpack.pack(hold))
end

local function deadline(hold)
    return hold[BORN] + hold[LIFE]
end

local function read_buyer(buyer_id)
    local packed = redis.call('HGET', BUYERS, buyer_id)
    return packed and cmsgpack.unpack(packed) or {0}
end

local function write_buyer(buyer_id, buyer)
    if buyer[1] == 0 and #buyer == 1 then
        redis.call('HDEL', BUYERS, buyer_id)
    else
        redis.call('HSET', BUYERS, buyer_id, cmsgpack.pack(buyer))
    end
end

local function without(buyer, key)
    local kept = {buyer[1]}
    for i = 2, #buyer do
        if buyer[i] ~= key then kept[#kept + 1] = buyer[i] end
    end
    return kept
end

-- Takes a hold off its buyer's live list; `units` is what their count changes by.
local function leave_buyer(buyer_id, key, units)
    local buyer = without(read_buyer(buyer_id), key)
    buyer[1] = buyer[1] + units
    write_buyer(buyer_id, buyer)
end

-- How long a hold lives that begins at `born` and shall last until `at_ms` or a little longer.
local function life_until(born, at_ms)
    return math.ceil(at_ms / DEADLINE_STEP_MS) * DEADLINE_STEP_MS - born
end

-- Notes the deadline of holds.
local function fall_due(keys, at_ms)
    local begun = redis.call('ZRANGEBYSCORE', DUE, at_ms, at_ms, 'LIMIT', 0, 1)[1]
    if begun and #begun < BUNDLE_MOST * KEY_CHARS then
        redis.call('ZREM', DUE, begun)
        for at = 1, #begun, KEY_CHARS do keys[#keys + 1] = string.sub(begun, at, at + KEY_CHARS - 1) end
    end
    for first = 1, #keys, BUNDLE_MOST do
        redis.call('ZADD', DUE, at_ms, table.concat(keys, '', first, math.min(first + BUNDLE_MOST - 1, #keys)))
    end
end

local function tell(key, hold, what)
    redis.call('HSET', NEWS, key .. what, cmsgpack.pack({hold[BUYER], hold[BORN], deadline(hold), hold[QUANTITY]}))
end
