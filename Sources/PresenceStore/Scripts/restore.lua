#!lua
-- restore: brings back up to 500 members, with their refs, that a Redis which lost writes has forgotten.
-- KEYS  m h z due g
-- ARGV  topic channel rid cand, then per member: member value
-- Reply now, epoch, seq, published, then per member: status, the value that is there now when it is not the given one
--       status 3 was untracked while the stream or heartbeats held it, 2 restored, 1 was there and is ours (lease
--       moved), 0 was there and belongs to somebody else
-- Invariants: sets only what is absent, and publishes only that; an owner that was lost ('' or '-') becomes the given
-- one; neither for a stream whose presence was untracked; one that heartbeats kept touches nothing that is there; a
-- lease is now + the given ttl; a member that is named twice, by two streams, is the first one's; refused when Redis is
-- out of memory.
local m, h, z, due, g = unpack(KEYS)
local topic, channel, rid, cand = unpack(ARGV, 1, 4)

local members = {}
for i = 5, #ARGV, 2 do members[#members + 1] = ARGV[i] end
local stored = {}
for i, value in ipairs(redis.call('HMGET', h, unpack(members))) do stored[members[i]] = value end

local now = clock()
local function untracked(name)
  local time = redis.call('ZSCORE', g, name)
  return time and tonumber(time) > now - 3600000
end

local earliest = math.huge
local values, leases, records, outcomes = {}, {}, {}, {}
for i = 5, #ARGV, 2 do
  local member, value = ARGV[i], ARGV[i + 1]
  local _, _, ttl, owner = parse(value)
  local status, there = 1, stored[member]
  local cref, cprev, cttl, cown, cjson = '', '', '', '', ''
  if there then cref, cprev, cttl, cown, cjson = parse(there) end
  if there and owner == '' then
    status = 0
  elseif cown == '' or cown == '-' then
    if untracked(claim(member, owner)) or owner == '' and untracked(claim(string.match(member, '^[^\31]*\31'), '')) then
      status = 3
    else
      if there then
        there = compose(cref, cprev, cttl, owner, cjson)
      else
        status = 2
        records[#records + 1] = joined(member, value)
      end
      stored[member] = there or value
      values[#values + 1] = member
      values[#values + 1] = stored[member]
    end
  elseif cown ~= owner then
    status = 0
  end
  if status == 1 or status == 2 then
    local deadline = now + ttl * 1000
    leases[#leases + 1] = deadline
    leases[#leases + 1] = member
    if deadline < earliest then earliest = deadline end
  end
  outcomes[#outcomes + 1] = status
  outcomes[#outcomes + 1] = there and there ~= value and there or ''
end

local empty = redis.call('EXISTS', m, h) == 0
local e, s = (#leases > 0 and open or fence)(m, rid, cand)
if #values > 0 then redis.call('HSET', h, unpack(values)) end
if #leases > 0 then
  redis.call('ZADD', z, unpack(leases))
  redis.call('ZADD', due, 'LT', earliest, topic)
end
local published = 0
if #records > 0 then
  if empty then records[1] = '*' .. records[1] end
  s, published = publish(m, e, channel, records), 1
end
return { now, e, s, published, unpack(outcomes) }
