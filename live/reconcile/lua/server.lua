-- Which server process has the book of KEYS[1], as its scripts ask, and what time it is there, in seconds.
return {string.match(redis.call('INFO', 'server'), 'run_id:(%x+)'), redis.call('TIME')[1]}
