-- Append one entry to a log and publish the same bytes.
-- KEYS: the stream, its meta hash {epoch, seq, server, base}, and optionally a mark: the entry is appended once per mark.
-- ARGV[1] seq: the position it must get, or 0 for the next one. ARGV[2] the payload. ARGV[3] the epoch to begin with
-- when there is no log. ARGV[4] the pub/sub channel. ARGV[5] most entries kept. ARGV[6] ms that a mark is kept, and
-- ARGV[7] ms that the log is kept after its last entry.
-- Answers with {epoch, top, appended}: top is the entry's position, or lower when earlier entries are missing here.
local stream, meta, mark = KEYS[1], KEYS[2], KEYS[3]
local seq, payload, new_epoch, channel = tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4]
local most, mark_ms, log_ms = ARGV[5], ARGV[6], ARGV[7]

local known = redis.call('HMGET', meta, 'epoch', 'seq', 'server')
local epoch, top = known[1], tonumber(known[2] or '0')
if seq == 0 then
    -- Here the log gives the positions. On another process of the server its memory may be older, and a position that it
    -- gives would name two entries: a new epoch begins, on the base of what is left.
    local server = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
    if epoch and known[3] ~= server then
        epoch = new_epoch
        redis.call('HSET', meta, 'epoch', epoch, 'base', top)
    end
    redis.call('HSET', meta, 'server', server)
end
if not epoch then
    epoch = new_epoch
    -- A lost log begins anew where it is continued: the new epoch tells everyone to take a snapshot.
    top = seq > 0 and seq - 1 or 0
    redis.call('DEL', stream)
    redis.call('HSET', meta, 'epoch', epoch, 'seq', top)
end
if seq > 0 then
    if seq <= top then return {epoch, seq, 0} end
    if seq > top + 1 then return {epoch, top, 0} end
else
    if mark and redis.call('SET', mark, 1, 'NX', 'PX', mark_ms) == false then return {epoch, top, 0} end
    seq = top + 1
end
redis.call('XADD', stream, 'MAXLEN', '~', most, seq .. '-0', 'p', payload)
redis.call('HSET', meta, 'seq', seq)
redis.call('PEXPIRE', stream, log_ms)
redis.call('PEXPIRE', meta, log_ms)
redis.call('PUBLISH', channel, epoch .. ' ' .. seq .. ' ' .. payload)
return {epoch, seq, 1}
