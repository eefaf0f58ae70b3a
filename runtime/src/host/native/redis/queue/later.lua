-- A message waits for its next attempt. KEYS: stream, later. ARGV: group, id, attempt, pause, message.
-- Who took it over meanwhile decides: it is put aside only by who removes it from the stream.
redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
if redis.call('XDEL', KEYS[1], ARGV[2]) == 0 then return 0 end
local time = redis.call('TIME')
local now = time[1] * 1000 + (time[2] - time[2] % 1000) / 1000
return redis.call('ZADD', KEYS[2], now + ARGV[4], ARGV[2] .. '|' .. ARGV[3] .. '|' .. ARGV[5])
