-- The window of `policy/limit/window.rs`, counted where all replicas see it. `now` is set above.
-- KEYS: the counters. ARGV: the window in milliseconds, the quota, how many requests.
local window, quota, requests = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local kept = redis.call('HMGET', KEYS[1], 'start', 'before', 'current')
local start, before, current = tonumber(kept[1]), tonumber(kept[2]), tonumber(kept[3])
local changed = not (start and before and current)
if changed then start, before, current = now, 0, 0 end

local function whole(a, b) return (a - a % b) / b end
local function up(a, b) return whole(a + b - 1, b) end

local elapsed = math.max(now - start, 0)
if elapsed >= 2 * window then
  start, before, current, changed = now, 0, 0, true
elseif elapsed >= window then
  start, before, current, changed = start + window, current, 0, true
end
elapsed = math.max(now - start, 0)

local used = before * (window - elapsed) + current * window
local reset = window - elapsed
-- How many more there are now; as many of the requests count.
local left = whole(math.max(quota * window - used, 0), window)
local allowed, remaining, wait = requests <= left, 0, 0
local counted = math.min(requests, left)
if counted > 0 then current, changed = current + counted, true end
if allowed then
  remaining = left - counted
else
  local need = math.max(before + current + 1 - quota, 0)
  if quota > current and before > 0 then
    wait = math.max(up(need * window, before) - elapsed, 1)
  else
    need = math.max(current + 1 - quota, 0)
    local slide = 1
    if current > 0 then slide = whole(need * window, current) + 1 end
    wait = reset + math.min(slide, window)
  end
end
-- A refusal within the same window costs no write.
if changed then
  redis.call('HSET', KEYS[1], 'start', start, 'before', before, 'current', current)
  redis.call('PEXPIRE', KEYS[1], math.max(start + 2 * window - now, 1))
end
return { allowed and 1 or 0, remaining, reset, wait }
