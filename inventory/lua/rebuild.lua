-- Begin another epoch of the book after Redis was lost or is older than Postgres.
-- Postgres is right about orders; a live hold that survived here and does not contradict it is kept, and so is the line
-- of those who wait. ARGV[12] is packed, five per order: key, born_ms, buyer, quantity, status.
local no, epoch, allocated, limit, starts_at_ms, ends_at_ms, grace_ms, hold_ttl_ms, waitlist_ttl_ms, mode, closed =
    unpack(ARGV)
local orders = cmsgpack.unpack(ARGV[12])
local FIELDS = 5

local current = redis.call('HGET', POOL, 'epoch')
-- Another worker was faster, or this call is a late repeat: an epoch begins once.
if current and tonumber(current) >= tonumber(epoch) then return 0 end

local now, left, sold = now_ms(), tonumber(allocated), 0
local survived, ordered, buyers, falls_due = {}, {}, {}, {}
local packed = redis.call('HGETALL', HOLDS)
for i = 1, #packed, 2 do survived[packed[i]] = cmsgpack.unpack(packed[i + 1]) end
redis.call('DEL', BUYERS, DUE, SUBMITTED)

local function count(key, hold)
    local buyer = buyers[hold[BUYER]] or {0}
    buyer[1] = buyer[1] + hold[QUANTITY]
    if hold[STATUS] ~= SOLD then buyer[#buyer + 1] = key end
    buyers[hold[BUYER]] = buyer
    left = left - hold[QUANTITY]
    if hold[STATUS] == SOLD then sold = sold + hold[QUANTITY] end
    if hold[STATUS] == PAYING then redis.call('ZADD', SUBMITTED, now, key) end
    if hold[STATUS] == HELD then
        local at_ms = deadline(hold)
        falls_due[at_ms] = falls_due[at_ms] or {}
        table.insert(falls_due[at_ms], key)
    end
end

for at = 1, #orders, FIELDS do
    local key, born, buyer_id, quantity, status = unpack(orders, at, at + FIELDS - 1)
    local known = survived[key]
    if known and known[BORN] ~= born then known = nil end
    -- Its sale was noted after the orders were read: Postgres had decided, and nobody will say it again.
    if known and known[STATUS] == SOLD then status = SOLD end
    ordered[key] = true
    if known then
        known[STATUS], known[BUYER], known[QUANTITY], known[ASKED] = status, buyer_id, quantity, known[ASKED] or known[QUANTITY]
    end
    known = known or {status, buyer_id, quantity, born, now - born, ''}
    write_hold(key, known)
    count(key, known)
end

local live = {}
for key, hold in pairs(survived) do
    if ordered[key] then
        survived[key] = nil
    elseif hold[STATUS] == HELD or hold[STATUS] == PAYING then
        live[#live + 1] = key
    elseif hold[STATUS] == SOLD then
        -- A sale is noted here only after Postgres committed it: its order was written and settled after the orders
        -- were read.
        count(key, hold)
    end
end
-- Oldest deadline first: who came first keeps the unit if there are too few.
table.sort(live, function(a, b)
    local first, second = deadline(survived[a]), deadline(survived[b])
    return first < second or (first == second and a < b)
end)
for _, key in ipairs(live) do
    local hold = survived[key]
    local overdue = hold[STATUS] == HELD and deadline(hold) <= now
    -- What a buyer gave back and claimed anew can both be here: the newer one as an order, the older one alive again.
    local theirs = (buyers[hold[BUYER]] or {0})[1] + hold[QUANTITY]
    if overdue or hold[QUANTITY] > left or theirs > tonumber(limit) then
        hold[STATUS] = overdue and EXPIRED or RELEASED
        write_hold(key, hold)
        tell(key, hold, hold[STATUS])
    else
        count(key, hold)
    end
end
for buyer_id, buyer in pairs(buyers) do write_buyer(buyer_id, buyer) end
for at_ms, keys in pairs(falls_due) do fall_due(keys, at_ms) end

redis.call('HSET', POOL, 'no', no, 'epoch', epoch, 'server', run_id(), 'allocated', allocated, 'available', left,
    'held', allocated - left - sold, 'sold', sold, 'limit', limit, 'starts', starts_at_ms, 'ends', ends_at_ms,
    'grace', grace_ms, 'ttl', hold_ttl_ms, 'waitlist_ttl', waitlist_ttl_ms, 'mode', mode, 'closed', closed)
if closed == '1' then redis.call('DEL', WAITING) end
hand_on(read_pool(), now)
return 1
