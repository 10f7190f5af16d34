-- End holds as their orders ended: pairs of hold_id and 'sold' or 'released'.
-- Postgres has decided; a hold that is not as expected follows it as far as the units allow.
for i = 1, #ARGV, 2 do
    local hold_id, outcome = ARGV[i], ARGV[i + 1]
    local hold = read_hold(hold_id)
    if hold and hold[1] ~= 'sold' then
        local status, quantity = hold[1], hold[3]
        if status == 'submitted' or status == 'held' then
            if outcome == 'released' then
                free(hold_id, hold, 'released', false) -- the buyer hears of it by the order's own message
            else
                hold[1] = 'sold'
                write_hold(hold_id, hold)
                redis.call('ZREM', DUE, hold_id)
                redis.call('ZREM', SUBMITTED, hold_id)
                leave_buyer(hold[2], hold_id, 0)
                redis.call('HINCRBY', POOL, 'held', -quantity)
                redis.call('HINCRBY', POOL, 'sold', quantity)
            end
        elseif outcome == 'sold' and tonumber(redis.call('HGET', POOL, 'available')) >= quantity then
            -- The hold had ended, but the payment came and Postgres still found the unit.
            hold[1] = 'sold'
            write_hold(hold_id, hold)
            leave_buyer(hold[2], hold_id, quantity)
            redis.call('HINCRBY', POOL, 'available', -quantity)
            redis.call('HINCRBY', POOL, 'sold', quantity)
        end
    end
end
return 1
