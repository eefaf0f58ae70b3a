-- Takes over what silent readers had, and forgets readers that are long gone and have nothing.
-- KEYS: stream. ARGV: group, reader, silence, most, how long until a reader is forgotten.
-- Answers rows of id, attempt, how often it was delivered in that attempt, message.
local group, reader, silence = ARGV[1], ARGV[2], tonumber(ARGV[3])
local found = {}
local pending = redis.call('XPENDING', KEYS[1], group, 'IDLE', silence, '-', '+', ARGV[4])
for _, row in ipairs(pending) do
  for _, entry in ipairs(redis.call('XCLAIM', KEYS[1], group, reader, silence, row[1])) do
    if entry and entry[2] then
      local fields = {}
      for at = 1, #entry[2], 2 do fields[entry[2][at]] = entry[2][at + 1] end
      table.insert(found, { entry[1], tonumber(fields['a']), row[4], fields['m'] })
    end
  end
end
for _, row in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], group)) do
  local known = {}
  for at = 1, #row, 2 do known[row[at]] = row[at + 1] end
  if known['pending'] == 0 and known['idle'] > tonumber(ARGV[5]) and known['name'] ~= reader then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], group, known['name'])
  end
end
return found
