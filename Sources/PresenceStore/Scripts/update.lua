#!lua
-- update: replaces the json of 1…500 members; absent ones stay absent.
-- KEYS  m h z
-- ARGV  channel rid cand, then per member: member condition fresh-ref json     condition: `permits` in common.lua
-- Reply now, epoch, seq, published, then per member: status ref prev ttl deadline
--       status 0 unchanged, 1 changed, 2 absent, 3 moved (ref = the current one)
-- Invariants:
--   It compares and sets in one step. Leases, ttl and owner stay.
--   Identical json publishes nothing and keeps its ref.
local m, h, z = unpack(KEYS)
local channel, rid, cand = unpack(ARGV, 1, 3)

local members = {}
for i = 4, #ARGV, 4 do members[#members + 1] = ARGV[i] end
local stored = {}
for i, value in ipairs(redis.call('HMGET', h, unpack(members))) do stored[members[i]] = value end
local deadlines = redis.call('ZMSCORE', z, unpack(members))

local now = clock()
local values, records, outcomes = {}, {}, {}
for i = 4, #ARGV, 4 do
  local member, condition, ref, json = unpack(ARGV, i, i + 3)
  local old, status, prev, ttl = stored[member], 2, '', 0
  if old then
    local oref, oprev, ottl, oown, ojson = parse(old)
    ttl = tonumber(ottl)
    if not permits(condition, oref) then
      status, ref, prev = 3, oref, oprev
    elseif json == ojson then
      status, ref, prev = 0, oref, oprev
    else
      status, prev = 1, oref
      local value = compose(ref, prev, ottl, oown, json)
      values[#values + 1] = member
      values[#values + 1] = value
      stored[member] = value
      records[#records + 1] = joined(member, value)
    end
  end
  local n = #outcomes
  outcomes[n + 1], outcomes[n + 2], outcomes[n + 3], outcomes[n + 4] = status, ref, prev, ttl
  outcomes[n + 5] = tonumber(deadlines[(i - 4) / 4 + 1] or now)
end

if #records > 0 then needPublish(m, channel) end
local e, s = fence(m, rid, cand)
local published = 0
if #records > 0 then
  if e == '' then e = open(m, rid, cand) end
  redis.call('HSET', h, unpack(values))
  s, published = publish(m, e, channel, records), 1
end
return { now, e, s, published, unpack(outcomes) }
