-- Puts a message into the stream unless too many wait. KEYS: stream, later. ARGV: message, most.
if redis.call('XLEN', KEYS[1]) + redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[2]) then return 0 end
redis.call('XADD', KEYS[1], '*', 'a', 1, 'm', ARGV[1])
return 1
