-- The newest position of a log; one that is not there begins at ARGV[2] under the epoch ARGV[1], and is kept for
-- ARGV[3] ms without an entry.
local meta, new_epoch, seq, log_ms = KEYS[1], ARGV[1], ARGV[2], ARGV[3]

if redis.call('EXISTS', meta) == 0 then
    local server = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
    redis.call('HSET', meta, 'epoch', new_epoch, 'seq', seq, 'server', server)
end
redis.call('PEXPIRE', meta, log_ms)
return redis.call('HMGET', meta, 'epoch', 'seq')
