-- Append one entry to a log and publish the same bytes.
-- KEYS: the stream and its meta hash {epoch, seq, server, base}.
-- ARGV[1] seq: the position it must get, or 0 for the next one. ARGV[2] the payload. ARGV[3] the epoch to begin with
-- when there is no log. ARGV[4] the pub/sub channel. ARGV[5] most entries kept. ARGV[6] ms that the log is kept after its
-- last entry.
-- Answers with {epoch, top, appended}: top is the entry's position, or lower when earlier entries are missing here.
local stream, meta = KEYS[1], KEYS[2]
local seq, payload, new_epoch, channel, most, log_ms = tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]

local epoch, top
if seq == 0 then
    epoch, top = opened(stream, meta, new_epoch)
    seq = top + 1
else
    local known = redis.call('HMGET', meta, 'epoch', 'seq')
    epoch, top = known[1], tonumber(known[2] or '0')
    if not epoch then
        -- A lost log begins anew where it is continued: the new epoch tells everyone to take a snapshot.
        epoch, top = new_epoch, seq - 1
        redis.call('DEL', stream)
        redis.call('HSET', meta, 'epoch', epoch, 'seq', top)
    end
    if seq <= top then return {epoch, seq, 0} end
    if seq > top + 1 then return {epoch, top, 0} end
end
redis.call('XADD', stream, 'MAXLEN', '~', most, seq .. '-0', 'p', payload)
redis.call('HSET', meta, 'seq', seq)
keep(stream, meta, log_ms)
redis.call('PUBLISH', channel, epoch .. ' ' .. seq .. ' ' .. payload)
return {epoch, seq, 1}
