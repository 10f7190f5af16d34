-- Append entries to a log that gives the positions itself, each once per mark, and publish them as one message.
-- KEYS: the stream, its meta hash {epoch, seq, server, base}, and one mark for each entry.
-- ARGV[1] the epoch to begin with when there is no log. ARGV[2] the pub/sub channel. ARGV[3] most entries kept. ARGV[4] ms
-- that a mark is kept. ARGV[5] ms that the log is kept after its last entry. The rest are the payloads.
-- The message is: epoch, the first position, "+" and the payloads' lengths, the payloads one behind the other.
-- Answers for each entry whether this call appended it.
local FIXED_KEYS, FIXED_ARGS = 2, 5
local stream, meta = KEYS[1], KEYS[2]
local new_epoch, channel, most, mark_ms, log_ms = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]

local epoch, top = opened(stream, meta, new_epoch)
local first, answers, sizes, payloads = top + 1, {}, {}, {}
for i = 1, #KEYS - FIXED_KEYS do
    local payload = ARGV[FIXED_ARGS + i]
    if redis.call('SET', KEYS[FIXED_KEYS + i], 1, 'NX', 'PX', mark_ms) then
        top = top + 1
        redis.call('XADD', stream, 'MAXLEN', '~', most, top .. '-0', 'p', payload)
        sizes[#sizes + 1], payloads[#payloads + 1] = #payload, payload
        answers[i] = 1
    else
        answers[i] = 0
    end
end
if #payloads > 0 then
    redis.call('HSET', meta, 'seq', top)
    keep(stream, meta, log_ms)
    local sent = table.concat(sizes, ',') .. ' ' .. table.concat(payloads)
    redis.call('PUBLISH', channel, epoch .. ' ' .. first .. '+' .. sent)
end
return answers
