#!lua flags=allow-oom
-- renew: moves the leases of up to 500 members bound to open streams to now + lease.
-- KEYS  h z due o
-- ARGV  topic lease-ms, then per member: member owner
-- Reply now, then for each member that was not renewed: its index from 0, the owner that was found
--       ('?' = the member is missing, '' = REST, '-' = its streams have ended)
-- Invariants:
--   It publishes nothing and never writes a lease without a field.
--   A lease may become earlier (no GT), because a clock that jumped back leaves leases in the future.
--   Only a holder renews, and none is added, because a renewal may come after the release of its stream.
--   Other holders that lapsed more than a ttl ago are removed; the last holder becomes the only owner again.
local h, z, due, o = unpack(KEYS)
local lease = tonumber(ARGV[2])

local members = {}
for i = 3, #ARGV, 2 do members[#members + 1] = ARGV[i] end
local values = redis.call('HMGET', h, unpack(members))

local now = clock()
local reply, leases, held = { now }, {}, {}
for i, member in ipairs(members) do
  local own = values[i] and string.match(values[i], '^[^ ]+ %d+,?([^ ]*)') or '?'
  if own == ARGV[i * 2 + 2] then
    leases[#leases + 1] = now + lease
    leases[#leases + 1] = member
  elseif own == shared then
    held[#held + 1] = i
  else
    reply[#reply + 1] = i - 1
    reply[#reply + 1] = own
  end
end

local fields, marks = {}, {}
for _, i in ipairs(held) do
  local member, owner = members[i], ARGV[i * 2 + 2]
  if fields[member] == nil then fields[member] = redis.call('HGET', o, member) or '' end
  local field = fields[member]
  local _, _, listed, more = others(field or '', owner, now, lease)
  if marks[member] == owner then listed = true end
  if listed or more then
    if field then marks[member], fields[member] = hold(field, owner, now, lease) end
    leases[#leases + 1] = now + lease
    leases[#leases + 1] = member
  else
    reply[#reply + 1] = i - 1
    reply[#reply + 1] = shared
  end
end
if #held > 0 then
  need('ZADD', z, 0, '')
  needNote(o, fields)
end
for _, i in ipairs(held) do
  local member = members[i]
  local mark = marks[member]
  if not mark then
    fields[member] = nil
  elseif mark ~= shared then
    local ref, prev, ttl, _, json = parse(values[i])
    redis.call('HSET', h, member, compose(ref, prev, ttl, mark, json))
  end
end
note(o, fields)

if #leases > 0 then
  redis.call('ZADD', z, unpack(leases))
  redis.call('ZADD', due, 'LT', now + lease, ARGV[1])
end
return reply
