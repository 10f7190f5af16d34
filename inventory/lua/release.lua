-- The buyer gives a live hold back, but for the units that they keep. Answers with the hold as it is afterwards.
local key, born, buyer_id, keep = ARGV[1], tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])

local hold = read_hold(key, born)
if not hold or hold[BUYER] ~= buyer_id then return false end
if hold[STATUS] ~= HELD then return cmsgpack.pack(hold) end
local pool, now = read_pool(), now_ms()
if deadline(hold) <= now then
    free(pool, key, hold, EXPIRED)
elseif keep <= 0 then
    free(pool, key, hold, RELEASED)
elseif keep < hold[QUANTITY] then
    local given = hold[QUANTITY] - keep
    hold[ASKED] = hold[ASKED] or hold[QUANTITY]
    hold[QUANTITY] = keep
    write_hold(key, hold)
    local buyer = read_buyer(buyer_id)
    buyer[1] = buyer[1] - given
    write_buyer(buyer_id, buyer)
    pool.held, pool.available = pool.held - given, pool.available + given
end
hand_on(pool, now)
return cmsgpack.pack(hold)
