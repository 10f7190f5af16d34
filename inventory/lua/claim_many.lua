-- Decide a batch of claims, in order. ARGV[3] is packed, four per claim: the key that the claim's hold would have,
-- what else its id says, the buyer, the quantity.
-- The answer is packed: now, the life of a fresh hold in ms, and for each claim a number of `answers` below, or
-- {born, life} of the hold that this claim became before.
local epoch, buyer_holds_most, wishes = ARGV[1], tonumber(ARGV[2]), cmsgpack.unpack(ARGV[3])
local FIELDS = 4
local ACCEPTED, TWIN, SOLD_OUT, SOLD_OUT_NOW, NOT_OPEN, ENDED, LIMIT, INVALID, LOST = 0, 1, 2, 3, 4, 5, 6, 7, 8

local pool, now = read_pool(), now_ms()
local life = pool.ttl and life_until(now, now + pool.ttl) or 0
local answers = {now, life}
local count = #wishes / FIELDS
if not is_current(pool, epoch) then
    for i = 1, count do answers[i + 2] = LOST end
    return cmsgpack.pack(answers)
end
if redis.call('ZCOUNT', DUE, '-inf', now) > 0 then
    end_holds(pool, now, false)
    hand_on(pool, now)
end

-- A draw's units are not for who comes first.
local refusal = (pool.draw and INVALID) or (now < pool.starts and NOT_OPEN) or ((pool.closed or now >= pool.closes) and ENDED) or nil
-- Units that come back are for those who wait, even when this call cannot serve all of them.
local someone_waits = redis.call('EXISTS', WAITING) == 1
local keys, buyer_ids = {}, {}
for i = 1, count do
    keys[i], buyer_ids[i] = wishes[(i - 1) * FIELDS + 1], wishes[(i - 1) * FIELDS + 3]
end
local known, counted = redis.call('HMGET', HOLDS, unpack(keys)), redis.call('HMGET', BUYERS, unpack(buyer_ids))
local fresh, fresh_keys, buyers = {}, {}, {} -- what this call makes and changes

-- A hold that nobody swept yet must not stand in its own buyer's way.
local function without_overdue(buyer)
    local kept = buyer
    for i = 2, #buyer do
        local hold = read_hold(buyer[i])
        if hold and hold[STATUS] == HELD and deadline(hold) <= now then
            end_hold(pool, buyer[i], hold, EXPIRED)
            tell(buyer[i], hold, EXPIRED)
            kept = without(kept, buyer[i])
            kept[1] = kept[1] - hold[QUANTITY]
        end
    end
    return kept
end

local function decide(key, claim, buyer_id, quantity, there, units)
    local hold = fresh[key] or (there and cmsgpack.unpack(there))
    if hold then
        -- A rebuilt book does not know the claims of its orders; key and buyer tell enough.
        if hold[CLAIM] ~= claim and (hold[CLAIM] ~= '' or hold[BUYER] ~= buyer_id) then return TWIN end
        -- A claim id is one wish of one buyer: with another buyer or quantity it is a mistake or an attack.
        if hold[BUYER] ~= buyer_id or (hold[ASKED] or hold[QUANTITY]) ~= quantity then return INVALID end
        return {hold[BORN], hold[LIFE]}
    end
    if refusal then return refusal end
    local buyer = buyers[buyer_id] or (units and cmsgpack.unpack(units)) or {0}
    if buyer[1] + quantity > pool.limit then
        buyer = without_overdue(buyer)
        buyers[buyer_id] = buyer
    end
    if buyer[1] + quantity > pool.limit or #buyer > buyer_holds_most then return LIMIT end
    -- As long as somebody holds a unit it may come back.
    if someone_waits or quantity > pool.available then return pool.held > 0 and SOLD_OUT_NOW or SOLD_OUT end
    buyer[1] = buyer[1] + quantity
    buyer[#buyer + 1] = key
    buyers[buyer_id] = buyer
    fresh[key] = {HELD, buyer_id, quantity, now, life, claim}
    fresh_keys[#fresh_keys + 1] = key
    pool.available, pool.held = pool.available - quantity, pool.held + quantity
    return ACCEPTED
end

for i = 1, count do
    local at = (i - 1) * FIELDS
    answers[i + 2] = decide(wishes[at + 1], wishes[at + 2], wishes[at + 3], wishes[at + 4], known[i], counted[i])
end
for buyer_id, buyer in pairs(buyers) do write_buyer(buyer_id, buyer) end
if #fresh_keys > 0 then
    local pairs_of_holds = {}
    for i, key in ipairs(fresh_keys) do
        pairs_of_holds[2 * i - 1], pairs_of_holds[2 * i] = key, cmsgpack.pack(fresh[key])
    end
    redis.call('HSET', HOLDS, unpack(pairs_of_holds))
    fall_due(fresh_keys, now + life)
end
if next(buyers) then hand_on(pool, now) end
return cmsgpack.pack(answers)
