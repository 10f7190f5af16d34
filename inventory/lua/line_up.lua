-- Line up who entered a draw, a page at a time, in the drawn order: `first` is the rank of the page's first buyer.
-- With the last page the book is drawn: the line stays as it is, and free units go to it. Repeating a page changes
-- nothing. Answers 1 if there is more to do, 0 if there is not, -1 when this is not the book of a draw that runs.
local epoch, first, last, buyer_ids = ARGV[1], tonumber(ARGV[2]), ARGV[3] == '1', cmsgpack.unpack(ARGV[4])

local pool, now = read_pool(), now_ms()
if not is_current(pool, epoch) or not pool.draw or pool.closed then return -1 end
if pool.undrawn then
    for i, buyer_id in ipairs(buyer_ids) do redis.call('ZADD', WAITING, first + i - 1, buyer_id) end
    if not last then return 1 end
    redis.call('HSET', POOL, 'drawn', 1, 'tickets', first + #buyer_ids - 1)
    pool.undrawn = false
end
hand_on(pool, now)
return pool.available > 0 and redis.call('EXISTS', WAITING) == 1 and 1 or 0
