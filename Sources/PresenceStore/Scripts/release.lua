#!lua flags=allow-oom
-- release: the streams of up to 500 members have ended; each member has its grace, then leaves.
-- KEYS  m h z due
-- ARGV  topic channel rid cand, then per member: member owner grace-ms
-- Reply now, epoch, seq, published, then per member: 1 released, 0 absent or somebody else's by now
-- Invariants: only the owner releases; lease = now + grace, also when that is earlier; the owner becomes '-', which
-- gives the leave its reason; grace 0 leaves at once, published as closed; a member that is named twice goes once.
local m, h, z, due = unpack(KEYS)
local topic, channel, rid, cand = unpack(ARGV, 1, 4)

local members = {}
for i = 5, #ARGV, 3 do members[#members + 1] = ARGV[i] end
local stored = {}
for i, value in ipairs(redis.call('HMGET', h, unpack(members))) do stored[members[i]] = value end

local now = clock()
local earliest = math.huge
local values, leases, gone, records, outcomes = {}, {}, {}, {}, {}
for i = 5, #ARGV, 3 do
  local member, owner, grace = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2])
  local old = stored[member]
  local released = 0
  if old then
    local ref, prev, ttl, own, json = parse(old)
    if own == owner then
      released = 1
      stored[member] = nil
      if grace > 0 then
        values[#values + 1] = member
        values[#values + 1] = compose(ref, prev, ttl, '-', json)
        leases[#leases + 1] = now + grace
        leases[#leases + 1] = member
        if now + grace < earliest then earliest = now + grace end
      else
        gone[#gone + 1] = member
        records[#records + 1] = left('c', member)
      end
    end
  end
  outcomes[#outcomes + 1] = released
end

local e, s = fence(m, rid, cand)
if #values > 0 then
  redis.call('HSET', h, unpack(values))
  redis.call('ZADD', z, unpack(leases))
  redis.call('ZADD', due, 'LT', earliest, topic)
end
local published = 0
if #gone > 0 then
  redis.call('HDEL', h, unpack(gone))
  redis.call('ZREM', z, unpack(gone))
  if e == '' then e = open(m, rid, cand) end
  s, published = publish(m, e, channel, records), 1
  retire(m, h, z, due, topic)
end
return { now, e, s, published, unpack(outcomes) }
