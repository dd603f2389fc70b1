#!lua flags=allow-oom
-- renew: moves the leases of up to 500 members bound to open streams to now + lease.
-- KEYS  h z due
-- ARGV  topic lease-ms, then per member: member owner
-- Reply now, then for each member that was not renewed: its index from 0, the owner that is there
--       ('?' = the member is missing, '' = REST, '-' = a stream that has ended)
-- Invariants: no seq, nothing published; never GT, since a clock that jumped back leaves leases in the future; never a
-- lease without a field; only the owner renews, so a stream that lost its session to a newer one cannot keep it alive.
local h, z, due = unpack(KEYS)
local lease = tonumber(ARGV[2])

local members = {}
for i = 3, #ARGV, 2 do members[#members + 1] = ARGV[i] end
local values = redis.call('HMGET', h, unpack(members))

local now = clock()
local reply, leases = { now }, {}
for i, member in ipairs(members) do
  local own = values[i] and string.match(values[i], '^[^ ]+ %d+,?([^ ]*)') or '?'
  if own == ARGV[i * 2 + 2] then
    leases[#leases + 1] = now + lease
    leases[#leases + 1] = member
  else
    reply[#reply + 1] = i - 1
    reply[#reply + 1] = own
  end
end
if #leases > 0 then
  redis.call('ZADD', z, unpack(leases))
  redis.call('ZADD', due, 'LT', now + lease, ARGV[1])
end
return reply
