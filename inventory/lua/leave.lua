-- Wait no more. Answers whether the buyer waited.
return redis.call('ZREM', WAITING, ARGV[1])
