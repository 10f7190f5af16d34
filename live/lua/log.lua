-- What both scripts that write to a log share.

-- Return the epoch and the newest position of a log that gives the positions itself; begin it when there is none.
local function opened(stream, meta, new_epoch)
    local known = redis.call('HMGET', meta, 'epoch', 'seq', 'server')
    local epoch, top = known[1], tonumber(known[2] or '0')
    -- On another process of the server its memory may be older, and a position that it gives would name two entries: a
    -- new epoch begins, on the base of what is left.
    local server = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
    if epoch and known[3] ~= server then
        epoch = new_epoch
        redis.call('HSET', meta, 'epoch', epoch, 'base', top)
    end
    redis.call('HSET', meta, 'server', server)
    if not epoch then
        epoch, top = new_epoch, 0
        redis.call('DEL', stream)
        redis.call('HSET', meta, 'epoch', epoch, 'seq', top)
    end
    return epoch, top
end

local function keep(stream, meta, log_ms)
    redis.call('PEXPIRE', stream, log_ms)
    redis.call('PEXPIRE', meta, log_ms)
end
