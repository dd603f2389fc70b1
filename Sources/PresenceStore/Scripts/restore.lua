#!lua
-- restore: brings back up to 500 members, with their refs, that a Redis which lost writes has forgotten.
-- KEYS  m h z due
-- ARGV  topic channel rid cand, then per member: member value
-- Reply now, epoch, seq, published, then per member: status, the value that is there now when it is not the given one
--       status 2 restored, 1 was there and is ours (lease moved), 0 was there and belongs to another stream
-- Invariants: sets only what is absent, and publishes only that; an owner that was lost ('' or '-') becomes the given
-- one; a lease is now + the given ttl; refused when Redis is out of memory.
local m, h, z, due = unpack(KEYS)
local topic, channel, rid, cand = unpack(ARGV, 1, 4)

local now = clock()
local earliest = math.huge
local values, leases, records, outcomes = {}, {}, {}, {}
for i = 5, #ARGV, 2 do
  local member, value = ARGV[i], ARGV[i + 1]
  local _, _, ttl, owner = parse(value)
  local status, there = 2, redis.call('HGET', h, member)
  if there then
    local cref, cprev, cttl, cown, cjson = parse(there)
    status = 1
    if cown ~= owner then
      if cown == '' or cown == '-' then
        there = compose(cref, cprev, cttl, owner, cjson)
        values[#values + 1] = member
        values[#values + 1] = there
      else
        status = 0
      end
    end
  else
    values[#values + 1] = member
    values[#values + 1] = value
    records[#records + 1] = joined(member, value)
  end
  if status > 0 then
    local deadline = now + ttl * 1000
    leases[#leases + 1] = deadline
    leases[#leases + 1] = member
    if deadline < earliest then earliest = deadline end
  end
  outcomes[#outcomes + 1] = status
  outcomes[#outcomes + 1] = there and there ~= value and there or ''
end

local empty = redis.call('EXISTS', m, h) == 0
local e, s = open(m, rid, cand)
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
