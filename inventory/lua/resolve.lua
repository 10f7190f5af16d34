-- End holds as their orders ended. ARGV[1] is packed, five per order: key, born, buyer, quantity, 'sold' or 'released'.
-- Postgres has decided: a sale counts, whatever became of its hold here.
local ends = cmsgpack.unpack(ARGV[1])
local FIELDS = 5

local pool, now = read_pool(), now_ms()
if not pool.epoch then return 0 end

local function sell(key, hold)
    if hold[STATUS] == PAYING then redis.call('ZREM', SUBMITTED, key) end
    hold[STATUS] = SOLD
    write_hold(key, hold)
    pool.sold = pool.sold + hold[QUANTITY]
end

local late = {}
for at = 1, #ends, FIELDS do
    local key, born, _, quantity, outcome = unpack(ends, at, at + FIELDS - 1)
    local hold = read_hold(key, born)
    local live = hold and (hold[STATUS] == HELD or hold[STATUS] == PAYING)
    if live and outcome == 'released' then
        -- The buyer hears of it by the order's own message.
        end_hold(pool, key, hold, RELEASED)
        leave_buyer(hold[BUYER], key, -hold[QUANTITY])
    elseif live then
        -- An older copy of the book may have forgotten that a part was given back.
        local spare = hold[QUANTITY] - quantity
        pool.held, pool.available = pool.held - hold[QUANTITY], pool.available + spare
        if spare ~= 0 then hold[ASKED], hold[QUANTITY] = hold[ASKED] or hold[QUANTITY], quantity end
        sell(key, hold)
        leave_buyer(hold[BUYER], key, -spare)
    elseif outcome == 'sold' then
        late[#late + 1] = at
    end
end
-- The hold had ended and the payment came after all; or it was lost in a crash; or its order was written after the
-- orders were read for a rebuild. Its units are taken although there may be none: then available is below zero until
-- Postgres refuses somebody else.
if #late > 0 then end_holds(pool, now, false) end
for _, at in ipairs(late) do
    local key, born, buyer_id, quantity = unpack(ends, at, at + FIELDS - 2)
    local hold = read_hold(key)
    if not hold or hold[BORN] ~= born or hold[STATUS] ~= SOLD then
        if hold and hold[BORN] ~= born then
            -- The key is that of a newer hold, of a claim that was repeated after a loss. The sale is counted without
            -- a record: told twice it would count twice, until the reconciler finds that the sums are off.
            pool.sold = pool.sold + quantity
        else
            hold = hold or {RELEASED, buyer_id, quantity, born, 0, ''}
            if hold[QUANTITY] ~= quantity then
                hold[ASKED] = hold[ASKED] or hold[QUANTITY]
            end
            hold[BUYER], hold[QUANTITY] = buyer_id, quantity
            sell(key, hold)
        end
        pool.available = pool.available - quantity
        leave_buyer(buyer_id, '', quantity) -- their list names live holds, and this was none of them
    end
end
hand_on(pool, now)
return 1
