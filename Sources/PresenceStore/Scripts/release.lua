#!lua flags=allow-oom
-- release: streams that held up to 500 members have ended. The grace of a member without another holder begins.
-- KEYS  m h z due o
-- ARGV  topic channel rid cand, then per member: member owner grace-ms generated reason     generated 1 = a stream of
--       that key without a session may resume it; then an absent member stands for the generated session of its key
--       that this stream holds, which a resume without a reply took; reason c closed | r removed, with grace 0
-- Reply now, epoch, seq, published, then per member: 1 released, 0 absent or not held by that stream
-- Invariants:
--   Only a holder releases. While others hold the member, its lease is the latest of their deadlines and now + grace.
--   When no other holds it, the owner becomes '-', which gives the leave its reason, and the lease becomes now + grace,
--   also when that is earlier.
--   With grace 0 the member leaves at once, published with the reason. If a lapsed holder is listed, a sweep decides
--   instead, which honours the hold: that holder may be on a node that was stopped.
--   A member that is named twice leaves once.
local m, h, z, due, o = unpack(KEYS)
local topic, channel, rid, cand = unpack(ARGV, 1, 4)

local members = {}
for i = 5, #ARGV, 5 do members[#members + 1] = ARGV[i] end
local stored = {}
for i, value in ipairs(redis.call('HMGET', h, unpack(members))) do stored[members[i]] = value end

local now = clock()
local earliest = math.huge
local values, leases, gone, records, outcomes, fields = {}, {}, {}, {}, {}, {}
local function resumed(key, owner)
  for session in string.gmatch(redis.call('HGET', o, key) or '', '[^ ]+') do
    local member = key .. session
    local value = stored[member]
    if value == nil then value = redis.call('HGET', h, member) end
    local own = value and string.match(value, '^[^ ]+ %d+,([^ ]*)')
    local field = own == shared and fields[member]
    if field == nil then field = redis.call('HGET', o, member) end
    if own == owner or field and string.find(' ' .. field, ' ' .. owner .. ':', 1, true) then return member, value end
  end
end
for i = 5, #ARGV, 5 do
  local member, owner, grace, generated, reason = unpack(ARGV, i, i + 4)
  local old = stored[member]
  if not old and generated == '1' then
    local found, value = resumed(string.match(member, '^[^\31]*\31'), owner)
    if found then member, old = found, value end
  end
  local released = 0
  if old then
    local ref, prev, ttl, own, json = parse(old)
    local list, latest, listed, more, isAlone = {}, 0, false, false, own == owner
    if own == shared then
      list, latest, listed, more = others(fields[member] or redis.call('HGET', o, member) or '', owner, now, ttl * 1000)
    end
    if isAlone or listed then
      released = 1
      stored[member] = false
      local deadline = now + grace
      if latest > 0 then
        local mark = shared
        fields[member] = table.concat(list, ' ')
        if #list == 1 and not more then mark, fields[member] = string.match(list[1], '^[^:]*'), false end
        if latest > deadline then deadline = latest end
        stored[member] = compose(ref, prev, ttl, mark, json)
      elseif grace ~= '0' or #list > 0 then
        if own == shared then fields[member] = false end
        old = compose(ref, prev, ttl, '-', json)
        if generated == '1' then
          local key = string.match(member, '^[^\31]*\31')
          local session = string.sub(member, #key + 1)
          local sessions = {}
          for each in string.gmatch(fields[key] or redis.call('HGET', o, key) or '', '[^ ]+') do
            if each ~= session then sessions[#sessions + 1] = each end
          end
          while #sessions > 3 do table.remove(sessions, 1) end
          sessions[#sessions + 1] = session
          fields[key] = table.concat(sessions, ' ')
        end
      else
        if own == shared then fields[member] = false end
        deadline = nil
        gone[#gone + 1] = member
        records[#records + 1] = left(reason, member)
      end
      if deadline then
        values[#values + 1] = member
        values[#values + 1] = stored[member] or old
        leases[#leases + 1] = deadline
        leases[#leases + 1] = member
        if deadline < earliest then earliest = deadline end
      end
    end
  end
  outcomes[#outcomes + 1] = released
end

if #values > 0 then needSet(h, z) end
needNote(o, fields)
if #gone > 0 then
  needRemoval(m, h, z)
  needPublish(m, channel)
end
local e, s = fence(m, rid, cand)
if #values > 0 then
  redis.call('HSET', h, unpack(values))
  redis.call('ZADD', z, unpack(leases))
  redis.call('ZADD', due, 'LT', earliest, topic)
end
note(o, fields)
local published = 0
if #gone > 0 then
  redis.call('HDEL', h, unpack(gone))
  redis.call('ZREM', z, unpack(gone))
  if e == '' then e = open(m, rid, cand) end
  s, published = publish(m, e, channel, records), 1
  retire(m, h, z, due, o, topic)
end
return { now, e, s, published, unpack(outcomes) }
