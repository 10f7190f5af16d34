-- How many milliseconds ago the oldest hold that is still noted as due should have ended; 0 when none is overdue.
local first = redis.call('ZRANGE', DUE, 0, 0, 'WITHSCORES')
return first[2] and math.max(0, now_ms() - tonumber(first[2])) or 0
