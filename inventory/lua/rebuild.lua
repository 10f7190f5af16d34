-- Begin another epoch of the book after Redis was lost or is older than Postgres.
-- Postgres is right about orders; a live hold that survived here and does not contradict it is kept.
local epoch, allocated, limit = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local starts_at_ms, ends_at_ms, grace_ms, hold_ttl_ms, closed = ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8]
local FIRST_ORDER, FIELDS = 9, 4 -- hold_id, buyer_id, quantity, 'submitted' or 'sold'

local current = redis.call('HGET', POOL, 'epoch')
-- Another worker was faster, or this call is a late repeat: an epoch begins once.
if current and tonumber(current) >= tonumber(epoch) then
    return redis.call('HMGET', POOL, 'epoch', 'allocated', 'available', 'held', 'sold')
end

local now = now_ms()
local survived = {}
local packed = redis.call('HGETALL', HOLDS)
for i = 1, #packed, 2 do survived[packed[i]] = cmsgpack.unpack(packed[i + 1]) end
redis.call('DEL', BUYERS, DUE, SUBMITTED)

local held, sold = 0, 0
local buyers = {}
local function count(buyer_id, quantity, live_hold_id)
    local buyer = buyers[buyer_id] or {0}
    buyer[1] = buyer[1] + quantity
    if live_hold_id then buyer[#buyer + 1] = live_hold_id end
    buyers[buyer_id] = buyer
end

local ordered = {}
for at = FIRST_ORDER, #ARGV, FIELDS do
    local hold_id, buyer_id, quantity, status = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2]), ARGV[at + 3]
    ordered[hold_id] = true
    local known = survived[hold_id]
    -- Its sale was noted after the orders were read: Postgres had decided, and nobody will say it again.
    if known and known[1] == 'sold' then status = 'sold' end
    write_hold(hold_id, {status, buyer_id, quantity, known and known[4] or now, known and known[5] or ''})
    if status == 'sold' then
        sold = sold + quantity
        count(buyer_id, quantity)
    else
        held = held + quantity
        count(buyer_id, quantity, hold_id)
        redis.call('ZADD', SUBMITTED, now, hold_id)
    end
end

-- Oldest deadline first: who came first keeps the unit if there are too few.
local live = {}
for hold_id, hold in pairs(survived) do
    if not ordered[hold_id] then
        if hold[1] == 'held' or hold[1] == 'submitted' then
            live[#live + 1] = hold_id
        elseif hold[1] == 'sold' then
            hold[1] = 'released' -- Postgres knows of no such sale
            write_hold(hold_id, hold)
        end
    end
end
table.sort(live, function(a, b)
    if survived[a][4] == survived[b][4] then return a < b end
    return survived[a][4] < survived[b][4]
end)
for _, hold_id in ipairs(live) do
    local hold = survived[hold_id]
    local expired = hold[1] == 'held' and hold[4] <= now
    if expired or held + sold + hold[3] > allocated then
        hold[1] = expired and 'expired' or 'released'
        write_hold(hold_id, hold)
        redis.call('HSET', ENDED, hold_id, cmsgpack.pack({hold[2], hold[1]}))
    else
        held = held + hold[3]
        count(hold[2], hold[3], hold_id)
        redis.call('ZADD', hold[1] == 'held' and DUE or SUBMITTED, hold[1] == 'held' and hold[4] or now, hold_id)
    end
end
for buyer_id, buyer in pairs(buyers) do redis.call('HSET', BUYERS, buyer_id, cmsgpack.pack(buyer)) end

redis.call('HSET', POOL, 'epoch', epoch, 'allocated', allocated, 'available', allocated - held - sold,
    'held', held, 'sold', sold, 'limit', limit, 'starts', starts_at_ms, 'ends', ends_at_ms, 'grace', grace_ms,
    'ttl', hold_ttl_ms, 'closed', closed)
return redis.call('HMGET', POOL, 'epoch', 'allocated', 'available', 'held', 'sold')
