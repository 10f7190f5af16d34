-- The buyer needs more time: their n-th extension makes a live hold last one hold time from now, within its limits.
-- Answers with the hold as it is afterwards; the n-th one again, or a later one before it, changes nothing.
local key, born, buyer_id, nth = ARGV[1], tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
local most_extensions, most_life_ttls = tonumber(ARGV[5]), tonumber(ARGV[6])

local hold = read_hold(key, born)
if not hold or hold[BUYER] ~= buyer_id then return false end
local pool, now = read_pool(), now_ms()
if hold[STATUS] == HELD and deadline(hold) <= now then
    free(pool, key, hold, EXPIRED)
    hand_on(pool, now)
elseif hold[STATUS] == HELD and nth == (hold[EXTENSIONS] or 0) + 1 and nth <= most_extensions then
    hold[LIFE] = math.max(hold[LIFE], life_until(born, math.min(now + pool.ttl, born + pool.ttl * most_life_ttls)))
    hold[ASKED] = hold[ASKED] or hold[QUANTITY]
    hold[EXTENSIONS] = nth
    write_hold(key, hold)
    fall_due({key}, deadline(hold))
end
return cmsgpack.pack(hold)
