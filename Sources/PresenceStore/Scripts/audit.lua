#!lua flags=allow-oom
-- audit: repairs a topic that lost one of its keys, page by page.
-- KEYS  m h z due o
-- ARGV  topic channel rid cand lease-ms cursor     lease-ms for a value that says no ttl; cursor '0' begins
-- Reply now, epoch, seq, published, leases given, leases dropped, the next page's cursor ('0' = done)
-- Invariants: a field without a lease gets one of its ttl (else it would never leave); a lease without a field is
-- dropped and published as evicted, unless all fields are gone: then the topic ends without a word, as after a loss of
-- Redis; fields without a position get one. A key is lost as a whole, and members enter and leave hash and leases
-- together: one always contains the other, so equal sizes mean equal members and a sound topic costs O(1), and what `o`
-- holds: an entry that says nothing of a member as it is goes. A shared member without an entry needs no repair: its
-- streams hold it again at their next renewal.
local m, h, z, due, o = unpack(KEYS)
local topic, channel, rid, cand, lease, cursor = unpack(ARGV)

local now = clock()
local fields, leases = redis.call('HLEN', h), redis.call('ZCARD', z)
local e, s = fence(m, rid, cand)
if fields > 0 and e == '' then e, s = open(m, rid, cand) end

local given, dropped, published = {}, {}, 0
if fields > leases then
  local page = redis.call('HSCAN', h, cursor, 'COUNT', 500)
  cursor = page[1]
  for i = 1, #page[2], 2 do
    if not redis.call('ZSCORE', z, page[2][i]) then
      local ttl = string.match(page[2][i + 1], '^[^ ]+ (%d+)')
      given[#given + 1] = { page[2][i], now + (ttl and ttl * 1000 or lease) }
    end
  end
elseif leases > fields then
  local page = redis.call('ZSCAN', z, cursor, 'COUNT', 500)
  cursor = page[1]
  for i = 1, #page[2], 2 do
    if redis.call('HEXISTS', h, page[2][i]) == 0 then dropped[#dropped + 1] = page[2][i] end
  end
else
  local page = redis.call('HSCAN', o, cursor, 'COUNT', 500)
  cursor = page[1]
  for i = 1, #page[2], 2 do
    local name, field = page[2][i], page[2][i + 1]
    local isOfUse = false
    if string.sub(name, -1) == '\31' then
      for session in string.gmatch(field, '[^ ]+') do
        local value = redis.call('HGET', h, name .. session)
        if value and string.match(value, '^[^ ]+ %d+,%- ') then isOfUse = true end
      end
    else
      local value = redis.call('HGET', h, name)
      isOfUse = value and string.match(value, '^[^ ]+ %d+,([^ ]*)') == shared
    end
    if not isOfUse then redis.call('HDEL', o, name) end
  end
end

for _, each in ipairs(given) do
  redis.call('ZADD', z, each[2], each[1])
  redis.call('ZADD', due, 'LT', each[2], topic)
end
if #dropped > 0 then
  local records = {}
  for i, member in ipairs(dropped) do
    redis.call('ZREM', z, member)
    records[i] = left('e', member)
  end
  if e == '' then e = open(m, rid, cand) end
  s, published = publish(m, e, channel, records), 1
end
if retire(m, h, z, due, o, topic) then cursor = '0' end
return { now, e, s, published, #given, #dropped, cursor }
