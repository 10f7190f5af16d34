-- A live hold is being paid from now on and cannot expire. Answers with the hold as it is afterwards.
local hold_id, buyer_id = ARGV[1], ARGV[2]

local hold = read_hold(hold_id)
if not hold or hold[2] ~= buyer_id then return false end
local now = now_ms()
if hold[1] == 'held' then
    if hold[4] <= now then
        free(hold_id, hold, 'expired', true)
    else
        hold[1] = 'submitted'
        write_hold(hold_id, hold)
        redis.call('ZREM', DUE, hold_id)
        redis.call('ZADD', SUBMITTED, now, hold_id)
    end
end
return cmsgpack.pack(hold)
