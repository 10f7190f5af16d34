-- The counters of the book, how many wait, whether this server process is the one that it was begun on, and whether it
-- is the book of a draw whose line is complete.
local pool = read_pool()
if not pool.epoch then return {} end
return {pool.epoch, pool.server == run_id() and 1 or 0, pool.allocated, pool.available, pool.held, pool.sold,
    redis.call('ZCARD', WAITING), pool.draw and not pool.undrawn and 1 or 0}
