-- A live hold is being paid from now on and cannot expire. Answers with the hold as it is afterwards.
local key, born, buyer_id = ARGV[1], tonumber(ARGV[2]), ARGV[3]

local hold = read_hold(key, born)
if not hold or hold[BUYER] ~= buyer_id then return false end
local now = now_ms()
if hold[STATUS] == HELD and deadline(hold) <= now then
    local pool = read_pool()
    free(pool, key, hold, EXPIRED)
    hand_on(pool, now)
elseif hold[STATUS] == HELD then
    hold[STATUS] = PAYING
    write_hold(key, hold)
    redis.call('ZADD', SUBMITTED, now, key)
end
return cmsgpack.pack(hold)
