-- Puts what is due back into the stream. KEYS: stream, later.
-- Answers in how many milliseconds the next one is due (-1: none), and how many messages there are.
local time = redis.call('TIME')
local now = time[1] * 1000 + (time[2] - time[2] % 1000) / 1000
for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, 100)) do
  local attempt, message = string.match(member, '^[^|]*|([^|]*)|(.*)$')
  redis.call('XADD', KEYS[1], '*', 'a', attempt, 'm', message)
  redis.call('ZREM', KEYS[2], member)
end
local next = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')
local wait = -1
if next[2] then wait = math.max(tonumber(next[2]) - now, 1) end
return { wait, redis.call('XLEN', KEYS[1]) + redis.call('ZCARD', KEYS[2]) }
