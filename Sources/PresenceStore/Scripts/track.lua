#!lua
-- track: sets values and leases of 1…500 members.
-- KEYS  m h z due o g
-- ARGV  topic channel rid cand mode owner default-ttl, then per member: member condition fresh-ref ttl json
--       mode create|put|resume; owner '' = REST; condition: `permits` in common.lua; ttl '' = keep, or the default;
--       json '' = keep, or {}
-- Reply now, epoch, seq, published, then per member: status ref prev ttl; after all, with resume: the member
--       status 0 unchanged, 1 changed, 2 created, 3 conflict (create met a member, which stays as it is), 4 moved
--       (ref = the current one, '' = absent)
-- Invariants:
--   All or nothing; Redis refuses the script when it is out of memory (no allow-oom). The lease is now + ttl.
--   Identical json changes only the lease (and ttl or owner) and publishes nothing.
--   A stream joins those that hold the member. A second track of the same stream, such as a retry, changes neither the
--   meta nor the session.
--   A REST write keeps open streams as owners, and the ttl by which their nodes renew. It replaces the owner '-'.
--   A track deletes the entries in `g` of the members that it sets.
--   It compares and sets in one step. A member that does not fulfil its condition stays as it is, also in `g`; an
--   absent member fulfils no condition but ''.
--   resume gets one member with a fresh session. It takes instead the newest generated session of that key that is in
--   its grace, if there is one.
local m, h, z, due, o, g = unpack(KEYS)
local topic, channel, rid, cand, mode, owner, default = unpack(ARGV, 1, 7)

if mode == 'resume' and redis.call('HEXISTS', h, ARGV[8]) == 0 then
  local key = string.match(ARGV[8], '^[^\31]*\31')
  for session in string.gmatch(redis.call('HGET', o, key) or '', '[^ ]+') do
    local value = redis.call('HGET', h, key .. session)
    local own = value and string.match(value, '^[^ ]+ %d+,([^ ]*)')
    if own == '-' or own == owner then ARGV[8] = key .. session end
    if own == owner then break end
  end
end

local members = {}
for i = 8, #ARGV, 5 do members[#members + 1] = ARGV[i] end
local stored = {}
for i, value in ipairs(redis.call('HMGET', h, unpack(members))) do stored[members[i]] = value end

local now = clock()
local earliest = math.huge
local values, leases, records, outcomes, fields, claims = {}, {}, {}, {}, {}, {}
for i = 8, #ARGV, 5 do
  local member, condition, ref, ttl, json = unpack(ARGV, i, i + 4)
  local old, status, prev, own = stored[member], 2, '', owner
  local oref, oprev, ottl, oown, ojson
  if old then oref, oprev, ottl, oown, ojson = parse(old) end

  if old and mode == 'create' then
    status, ref, prev, ttl = 3, oref, oprev, ottl
  elseif condition ~= '' and not (old and permits(condition, oref)) then
    status, ref, prev, ttl = 4, oref or '', oprev or '', ottl or 0
  else
    if old then
      if ttl == '' or owner == '' and oown ~= '' and oown ~= '-' then ttl = ottl end
      local isHeld = oown == owner
      if own == '' then
        if oown ~= '-' then own = oown end
      elseif oown ~= '' and oown ~= '-' and not isHeld then
        local field = oown .. ':' .. (redis.call('ZSCORE', z, member) or now)
        if oown == shared then field = fields[member] or redis.call('HGET', o, member) or '' end
        own, fields[member], isHeld = hold(field, owner, now, ttl * 1000)
      end
      if json == '' or json == ojson or owner ~= '' and isHeld then
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

  if status < 3 then claims[#claims + 1] = member end
  local n = #outcomes
  outcomes[n + 1], outcomes[n + 2], outcomes[n + 3], outcomes[n + 4] = status, ref, prev, tonumber(ttl)
end

local hasUntracked = #claims > 0 and redis.call('EXISTS', g) == 1
needSet(h, z)
needNote(o, fields)
if hasUntracked then need('ZREM', g, '') end
if #records > 0 then needPublish(m, channel) end
local empty = redis.call('EXISTS', m, h) == 0
-- A call that writes nothing gives no position to an empty topic.
local e, s = (#leases > 0 and open or fence)(m, rid, cand)
if #values > 0 then redis.call('HSET', h, unpack(values)) end
if #leases > 0 then
  redis.call('ZADD', z, unpack(leases))
  redis.call('ZADD', due, 'LT', earliest, topic)
end
note(o, fields)
if hasUntracked then
  for i, member in ipairs(claims) do claims[i] = claim(topic, member, owner) end
  redis.call('ZREM', g, unpack(claims))
end
local published = 0
if #records > 0 then
  if empty then records[1] = '*' .. records[1] end
  s, published = publish(m, e, channel, records), 1
end
if mode == 'resume' then outcomes[#outcomes + 1] = ARGV[8] end
return { now, e, s, published, unpack(outcomes) }
