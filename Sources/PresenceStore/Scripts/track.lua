#!lua
-- track: sets values and leases of 1…500 members.
-- KEYS  m h z due g
-- ARGV  topic channel rid cand mode owner default-ttl, then per member: member fresh-ref ttl json
--       mode create|put; owner '' = REST; ttl '' = keep, or the default; json '' = keep, or {}
-- Reply now, epoch, seq, published, then per member: status ref prev ttl
--       status 0 unchanged, 1 changed, 2 created, 3 conflict (create met a member; nothing of it is touched)
-- Invariants: all or nothing, and refused when Redis is out of memory (no allow-oom); lease = now + ttl; identical
-- json only refreshes the lease (and ttl or owner) and publishes nothing; a REST write keeps an open stream as owner,
-- and then the ttl too, since that stream's node renews by it, and takes over from one that has ended ('-'); what is
-- tracked counts as untracked no more.
local m, h, z, due, g = unpack(KEYS)
local topic, channel, rid, cand, mode, owner, default = unpack(ARGV, 1, 7)

local members = {}
for i = 8, #ARGV, 4 do members[#members + 1] = ARGV[i] end
local stored = {}
for i, value in ipairs(redis.call('HMGET', h, unpack(members))) do stored[members[i]] = value end

local now = clock()
local earliest = math.huge
local values, leases, records, outcomes = {}, {}, {}, {}
for i = 8, #ARGV, 4 do
  local member, ref, ttl, json = unpack(ARGV, i, i + 3)
  local old, status, prev, own = stored[member], 2, '', owner
  local oref, oprev, ottl, oown, ojson
  if old then oref, oprev, ottl, oown, ojson = parse(old) end

  if old and mode == 'create' then
    status, ref, prev, ttl = 3, oref, oprev, ottl
  else
    if old then
      if ttl == '' or owner == '' and oown ~= '' and oown ~= '-' then ttl = ottl end
      if own == '' and oown ~= '-' then own = oown end
      if json == '' or json == ojson then
        status, ref, prev, json = 0, oref, oprev, ojson
      else
        status, prev = 1, oref
      end
    else
      if ttl == '' then ttl = default end
      if json == '' then json = '{}' end
    end
    local value = compose(ref, prev, ttl, own, json)
    if value ~= old then
      values[#values + 1] = member
      values[#values + 1] = value
      stored[member] = value
    end
    if status > 0 then records[#records + 1] = joined(member, value) end
    local deadline = now + ttl * 1000
    leases[#leases + 1] = deadline
    leases[#leases + 1] = member
    if deadline < earliest then earliest = deadline end
  end

  local n = #outcomes
  outcomes[n + 1], outcomes[n + 2], outcomes[n + 3], outcomes[n + 4] = status, ref, prev, tonumber(ttl)
end

local empty = redis.call('EXISTS', m, h) == 0
local e, s = open(m, rid, cand)
if #values > 0 then redis.call('HSET', h, unpack(values)) end
if #leases > 0 then
  redis.call('ZADD', z, unpack(leases))
  redis.call('ZADD', due, 'LT', earliest, topic)
end
for i, member in ipairs(members) do members[i] = claim(member, owner) end
redis.call('ZREM', g, unpack(members))
local published = 0
if #records > 0 then
  if empty then records[1] = '*' .. records[1] end
  s, published = publish(m, e, channel, records), 1
end
return { now, e, s, published, unpack(outcomes) }
