-- How units come free, and whom they go to; it stands before the scripts that move units.

-- Holds that one call frees, and people whom it serves, at most; the sweeper comes for the rest.
local FREED_MOST, PROMOTED_MOST, BUNDLES_AT_ONCE = 512, 256, 8

-- Ends a live hold; its units are free. The buyer's list is the caller's business.
local function end_hold(pool, key, hold, ending)
    if hold[STATUS] == PAYING then redis.call('ZREM', SUBMITTED, key) end
    hold[STATUS] = ending
    write_hold(key, hold)
    pool.held = pool.held - hold[QUANTITY]
    pool.available = pool.available + hold[QUANTITY]
end

-- Ends a live hold, and tells its buyer.
local function free(pool, key, hold, ending)
    end_hold(pool, key, hold, ending)
    leave_buyer(hold[BUYER], key, -hold[QUANTITY])
    tell(key, hold, ending)
end

-- Ends the holds of a bundle that are overdue; with `all`, every live hold in it that is not being paid.
local function end_bundle(pool, bundle, now, all)
    redis.call('ZREM', DUE, bundle)
    for at = 1, #bundle, KEY_CHARS do
        local key = string.sub(bundle, at, at + KEY_CHARS - 1)
        local hold = read_hold(key)
        if hold and hold[STATUS] == HELD then
            if deadline(hold) <= now then
                free(pool, key, hold, EXPIRED)
            elseif all then
                free(pool, key, hold, RELEASED)
            end
        end
    end
    return #bundle / KEY_CHARS
end

-- Ends overdue holds, or all live ones that are not being paid; returns whether there may be more.
local function end_holds(pool, now, all)
    local ended = 0
    while ended < FREED_MOST do
        local bundles = redis.call('ZRANGEBYSCORE', DUE, '-inf', all and '+inf' or now, 'LIMIT', 0, BUNDLES_AT_ONCE)
        if #bundles == 0 then return false end
        for _, bundle in ipairs(bundles) do ended = ended + end_bundle(pool, bundle, now, all) end
    end
    return true
end

-- A buyer's own holds that are overdue and nobody swept yet must not stand in their way.
local function drop_overdue(pool, buyer_id, now)
    local buyer = read_buyer(buyer_id)
    for i = 2, #buyer do
        local hold = read_hold(buyer[i])
        if hold and hold[STATUS] == HELD and deadline(hold) <= now then free(pool, buyer[i], hold, EXPIRED) end
    end
end

-- A key that no hold of this pool has, for a hold that no claim asked for.
local function unused_key(seed)
    local ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
    local attempt = 0
    while true do
        local digest = redis.sha1hex(seed .. ':' .. attempt)
        local key = ''
        for i = 1, KEY_CHARS do
            local digit = tonumber(string.sub(digest, 2 * i - 1, 2 * i), 16) % 32
            key = key .. string.sub(ALPHABET, digit + 1, digit + 1)
        end
        if redis.call('HEXISTS', HOLDS, key) == 0 then return key end
        attempt = attempt + 1
    end
end

-- Gives one unit to a buyer who waited; returns the key of the hold, whose deadline is not noted yet.
local function promote_one(pool, buyer_id, buyer, now)
    local key = unused_key(buyer_id .. ':' .. string.format('%.0f', now) .. ':' .. pool.available)
    local hold = {HELD, buyer_id, 1, now, life_until(now, now + pool.waitlist_ttl), ''}
    buyer[1] = buyer[1] + 1
    buyer[#buyer + 1] = key
    write_buyer(buyer_id, buyer)
    write_hold(key, hold)
    tell(key, hold, PROMOTED)
    pool.available, pool.held = pool.available - 1, pool.held + 1
    return key
end

-- Free units go to who waits, first come first served; who may not have more leaves the list. Never more than there are.
-- As long as a draw's line is not complete, nobody is first.
local function promote(pool, now)
    if pool.available <= 0 or pool.closed or now >= pool.closes or pool.undrawn or pool.server ~= run_id() then return end
    local keys = {}
    for _ = 1, PROMOTED_MOST do
        local buyer_id = pool.available > 0 and redis.call('ZPOPMIN', WAITING)[1]
        if not buyer_id then break end
        local buyer = read_buyer(buyer_id)
        if buyer[1] < pool.limit then keys[#keys + 1] = promote_one(pool, buyer_id, buyer, now) end
    end
    if #keys > 0 then fall_due(keys, now + life_until(now, now + pool.waitlist_ttl)) end
end

-- The end of every script that may have freed units.
local function hand_on(pool, now)
    if pool.available > 0 and redis.call('EXISTS', WAITING) == 1 then promote(pool, now) end
    write_units(pool)
end
