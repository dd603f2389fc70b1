#!lua flags=allow-oom
-- audit: repairs a topic that lost one of its keys, page by page.
-- KEYS  m h z due o
-- ARGV  topic channel rid cand lease-ms cursor     lease-ms for a value without a ttl; cursor '0' begins
-- Reply now, epoch, seq, published, leases given, leases dropped, the next page's cursor ('0' = done)
-- Invariants:
--   A field without a lease gets a lease of its ttl; otherwise it would never leave.
--   A lease without a field is dropped and published as evicted. When all fields are gone, the topic's keys are deleted
--   without a further message, as after a loss of Redis.
--   A topic that has fields but no position gets a position.
--   Redis loses a key as a whole, and scripts add and remove members in `h` and `z` together. So one of the two always
--   contains the other, and equal sizes mean equal members: a sound topic costs two counts and one page of `o`.
--   A field of `o` is deleted when its member is not shared, or when no session that it lists is in its grace.
--   A shared member without a field in `o` needs no repair: its streams hold it again at their next renewal.
local m, h, z, due, o = unpack(KEYS)
local topic, channel, rid, cand, lease, cursor = unpack(ARGV)

local now = clock()
local fields, leases = redis.call('HLEN', h), redis.call('ZCARD', z)
if leases > fields then
  needRemoval(m, h, z)
  needPublish(m, channel)
end
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
