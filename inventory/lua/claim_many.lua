-- Decide a batch of claims, in order. One string per claim comes back:
-- '<hold_id> <expires_at_ms>' when accepted, '!<reason>' when refused, '?<reason>' when refused but worth another try.
local epoch = ARGV[1]
local FIELDS = 4 -- claim_id, buyer_id, quantity, and the hold_id that the claim becomes

local pool = redis.call('HMGET', POOL, 'epoch', 'available', 'held', 'limit', 'starts', 'ends', 'grace', 'ttl', 'closed')
local answers = {}
local count = (#ARGV - 1) / FIELDS
if pool[1] ~= epoch then
    for i = 1, count do answers[i] = '?recovering' end
    return answers
end

local now = now_ms()
if redis.call('ZCOUNT', DUE, '-inf', now) > 0 then
    expire_due(now, EXPIRE_ON_THE_WAY)
    pool = redis.call('HMGET', POOL, 'epoch', 'available', 'held', 'limit', 'starts', 'ends', 'grace', 'ttl', 'closed')
end
local available, held, limit = tonumber(pool[2]), tonumber(pool[3]), tonumber(pool[4])
local closes = tonumber(pool[6]) + tonumber(pool[7])
local refusal = (now < tonumber(pool[5]) and '?not_open') or ((now >= closes or pool[9] == '1') and '!ended') or nil
local expires = now + tonumber(pool[8])
local taken = 0

for i = 1, count do
    local at = 1 + (i - 1) * FIELDS
    local claim_id, buyer_id, quantity, hold_id = ARGV[at + 1], ARGV[at + 2], tonumber(ARGV[at + 3]), ARGV[at + 4]
    local known = redis.call('HGET', CLAIMS, claim_id)
    if known then
        local hold = read_hold(known)
        -- A claim id is one wish of one buyer: with another buyer or quantity it is a mistake or an attack.
        if hold[2] == buyer_id and hold[3] == quantity then
            answers[i] = known .. ' ' .. string.format('%.0f', hold[4])
        else
            answers[i] = '!invalid'
        end
    elseif refusal then
        answers[i] = refusal
    else
        local buyer = read_buyer(buyer_id)
        if buyer[1] + quantity > limit then
            answers[i] = '!buyer_limit'
        elseif quantity > available then
            -- As long as somebody holds a unit it may come back.
            answers[i] = (held > 0) and '?sold_out' or '!sold_out'
        elseif redis.call('HEXISTS', HOLDS, hold_id) == 1 then
            answers[i] = '?recovering' -- the random part met a twin: the next try makes another
        else
            buyer[1] = buyer[1] + quantity
            buyer[#buyer + 1] = hold_id
            redis.call('HSET', BUYERS, buyer_id, cmsgpack.pack(buyer))
            write_hold(hold_id, {'held', buyer_id, quantity, expires, claim_id})
            redis.call('HSET', CLAIMS, claim_id, hold_id)
            redis.call('ZADD', DUE, expires, hold_id)
            available, held, taken = available - quantity, held + quantity, taken + quantity
            answers[i] = hold_id .. ' ' .. string.format('%.0f', expires)
        end
    end
end
if taken > 0 then
    redis.call('HINCRBY', POOL, 'available', -taken)
    redis.call('HINCRBY', POOL, 'held', taken)
end
return answers
