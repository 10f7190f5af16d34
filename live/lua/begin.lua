-- The newest position of a log; one that is not there begins at ARGV[2] under the epoch ARGV[1].
local meta, new_epoch, seq = KEYS[1], ARGV[1], ARGV[2]

if redis.call('EXISTS', meta) == 0 then redis.call('HSET', meta, 'epoch', new_epoch, 'seq', seq) end
return redis.call('HMGET', meta, 'epoch', 'seq')
