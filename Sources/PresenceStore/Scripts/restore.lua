#!lua
-- restore: writes up to 500 lost members again, with their refs, and lists open streams as holders again.
-- KEYS  m h z due o g
-- ARGV  topic channel rid cand, then per member: member value
-- Reply now, epoch, seq, published, then per member: status, the stored value if it is not the given one
--       status 3 was untracked while the stream or heartbeats held it, 2 restored, 1 was there and is held (lease
--       moved), 0 was there, and the given value is one of heartbeats
-- Invariants:
--   Only an absent member is written and published.
--   A lost owner ('' or '-') becomes the given one; a stream joins others that hold the member.
--   Nothing happens for a stream that held the member when it was untracked.
--   A given value of heartbeats changes nothing of a member that is there.
--   A lease is now + the ttl of the stored value, or of the given one if the member was absent.
--   A member that two streams name gets the value of the first, and both as holders.
--   Redis refuses the script when it is out of memory.
local m, h, z, due, o, g = unpack(KEYS)
local topic, channel, rid, cand = unpack(ARGV, 1, 4)

local members = {}
for i = 5, #ARGV, 2 do members[#members + 1] = ARGV[i] end
local stored = {}
for i, value in ipairs(redis.call('HMGET', h, unpack(members))) do stored[members[i]] = value end

local now = clock()
local function untracked(member, owner)
  local time = redis.call('ZSCORE', g, claim(topic, member, owner))
  -- 3600000 is `memory` in untrack.lua; both must be equal.
  return time and tonumber(time) > now - 3600000
end

local earliest = math.huge
local values, leases, records, outcomes, fields, deadlines = {}, {}, {}, {}, {}, {}
for i = 5, #ARGV, 2 do
  local member, value = ARGV[i], ARGV[i + 1]
  local _, _, ttl, owner = parse(value)
  local status, there = 1, stored[member]
  local cref, cprev, cttl, cown, cjson = '', '', '', '', ''
  if there then
    cref, cprev, cttl, cown, cjson = parse(there)
    ttl = cttl
  end
  if there and owner == '' then
    status = 0
  elseif cown == owner and owner ~= '' then
    status = 1
  elseif untracked(member, owner) or owner == '' and untracked(string.match(member, '^[^\31]*\31'), '') then
    status = 3
  elseif not there then
    status = 2
    records[#records + 1] = joined(member, value)
    stored[member] = value
  else
    local mark = owner
    if cown ~= '' and cown ~= '-' then
      local field = cown .. ':' .. (deadlines[member] or redis.call('ZSCORE', z, member) or now)
      if cown == shared then field = fields[member] or redis.call('HGET', o, member) or '' end
      mark, fields[member] = hold(field, owner, now, ttl * 1000)
    end
    there = compose(cref, cprev, cttl, mark, cjson)
    stored[member] = there
  end
  if status == 1 or status == 2 then
    values[#values + 1] = member
    values[#values + 1] = stored[member]
    local deadline = now + ttl * 1000
    deadlines[member] = deadline
    leases[#leases + 1] = deadline
    leases[#leases + 1] = member
    if deadline < earliest then earliest = deadline end
  end
  outcomes[#outcomes + 1] = status
  outcomes[#outcomes + 1] = there and there ~= value and there or ''
end

if #leases > 0 then needSet(h, z) end
needNote(o, fields)
if #records > 0 then needPublish(m, channel) end
local empty = redis.call('EXISTS', m, h) == 0
local e, s = (#leases > 0 and open or fence)(m, rid, cand)
if #leases > 0 then
  redis.call('HSET', h, unpack(values))
  redis.call('ZADD', z, unpack(leases))
  redis.call('ZADD', due, 'LT', earliest, topic)
end
note(o, fields)
local published = 0
if #records > 0 then
  if empty then records[1] = '*' .. records[1] end
  s, published = publish(m, e, channel, records), 1
end
return { now, e, s, published, unpack(outcomes) }
