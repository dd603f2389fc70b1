#!lua flags=allow-oom
-- untrack: removes 1…500 members.
-- KEYS  m h z due g
-- ARGV  topic channel rid cand, then the members
-- Reply now, epoch, seq, published, then per member: 1 removed, 0 was not there
-- Invariants: publishes only those that were there; the last one takes the topic's keys with it; what an open stream
-- held is noted in `g` for an hour, so that its node, should it miss the message, does not restore it.
local m, h, z, due, g = unpack(KEYS)
local topic, channel, rid, cand = unpack(ARGV, 1, 4)
local memory = 3600000

local now = clock()
local values = redis.call('HMGET', h, unpack(ARGV, 5))
local records, claims, outcomes = {}, {}, {}
for i, value in ipairs(values) do
  local member = ARGV[i + 4]
  local removed = redis.call('HDEL', h, member)
  if removed == 1 then
    records[#records + 1] = left('u', member)
    local owner = string.match(value, '^[^ ]+ %d+,([^ ]+) ')
    if owner and owner ~= '-' then
      claims[#claims + 1] = now
      claims[#claims + 1] = claim(member, owner)
    end
  end
  outcomes[#outcomes + 1] = removed
end
if #claims > 0 then
  redis.call('ZADD', g, unpack(claims))
  redis.call('ZREMRANGEBYSCORE', g, '-inf', now - memory)
  redis.call('PEXPIRE', g, memory)
end

local e, s = fence(m, rid, cand)
local published = 0
if #records > 0 then
  redis.call('ZREM', z, unpack(ARGV, 5))
  if e == '' then e = open(m, rid, cand) end
  s, published = publish(m, e, channel, records), 1
  retire(m, h, z, due, topic)
end
return { now, e, s, published, unpack(outcomes) }
