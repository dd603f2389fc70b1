#!lua flags=allow-oom
-- heartbeat: moves the leases of 1…500 members to now + ttl.
-- KEYS  m h z due o
-- ARGV  topic rid cand, then per member: member condition ttl     condition: `permits` in common.lua; ttl '' = keep
-- Reply now, epoch, seq, 0, then per member: status ref prev ttl
--       status 1 renewed, 0 absent, 2 moved (ref = the current one)
-- Invariants:
--   It never creates a member and never publishes. A changed ttl is stored in the value.
--   While an open stream holds the member the ttl stays, because that stream's node renews by it.
--   A member in its grace ('-') is kept by heartbeats from then on.
--   It compares and renews in one step. A member that does not fulfil its condition stays as it is.
--   If a member is named twice, the second heartbeat sees the result of the first.
local m, h, z, due = unpack(KEYS)
local topic, rid, cand = unpack(ARGV, 1, 3)

local members = {}
for i = 4, #ARGV, 3 do members[#members + 1] = ARGV[i] end
local stored = {}
for i, value in ipairs(redis.call('HMGET', h, unpack(members))) do stored[members[i]] = value end

local now = clock()
local earliest = math.huge
local values, leases, outcomes = {}, {}, {}
for i = 4, #ARGV, 3 do
  local member, condition, ttl = unpack(ARGV, i, i + 2)
  local old, status, ref, prev = stored[member], 0, '', ''
  local ottl, own, json
  if old then
    ref, prev, ottl, own, json = parse(old)
    status = permits(condition, ref) and 1 or 2
  end
  if status == 1 then
    if ttl == '' or own ~= '' and own ~= '-' then ttl = ottl end
    if own == '-' then own = '' end
    local value = compose(ref, prev, ttl, own, json)
    if value ~= old then
      values[#values + 1] = member
      values[#values + 1] = value
      stored[member] = value
    end
    local deadline = now + ttl * 1000
    leases[#leases + 1] = deadline
    leases[#leases + 1] = member
    if deadline < earliest then earliest = deadline end
  end
  local n = #outcomes
  outcomes[n + 1], outcomes[n + 2], outcomes[n + 3], outcomes[n + 4] = status, ref, prev, tonumber(ttl) or 0
end

if #values > 0 then need('ZADD', z, 0, '') end
local e, s = fence(m, rid, cand)
if #values > 0 then redis.call('HSET', h, unpack(values)) end
if #leases > 0 then
  redis.call('ZADD', z, unpack(leases))
  redis.call('ZADD', due, 'LT', earliest, topic)
end
return { now, e, s, 0, unpack(outcomes) }
