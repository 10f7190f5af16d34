-- Expire overdue holds, and hand out what buyers were not told yet: 1 if more may be overdue, the pool's number, then
-- key .. what, packed news, ... A closed book that is to release its holds ends those that are not being paid, too.
local release_holds, news_most = ARGV[1] == '1', tonumber(ARGV[2])

local pool, now = read_pool(), now_ms()
if not pool.epoch then return {0, 0} end
local more = end_holds(pool, now, release_holds and pool.closed)
hand_on(pool, now)
local news = redis.call('HRANDFIELD', NEWS, news_most, 'WITHVALUES')
table.insert(news, 1, pool.no)
table.insert(news, 1, more and 1 or 0)
return news
