#!lua flags=allow-oom
-- untrack: removes 1…500 members.
-- KEYS  m h z due g
-- ARGV  topic channel rid cand, then the members; key 0x1f stands for sessions of that key that are not there
-- Reply now, epoch, seq, published, then per member: 1 removed, 0 was not there
-- Invariants: publishes only those that were there; the last one takes the topic's keys with it; whom this was about is
-- noted in `g`, so that a node which misses the message does not restore them: an hour for the stream that held it, a
-- minute for heartbeats, 20 s for heartbeats of whom Redis may have forgotten.
local m, h, z, due, g = unpack(KEYS)
local topic, channel, rid, cand = unpack(ARGV, 1, 4)
local memory, minute, moment = 3600000, 60000, 20000

local now = clock()
local values = redis.call('HMGET', h, unpack(ARGV, 5))
local records, claims, outcomes = {}, {}, {}
local kept = moment
for i, value in ipairs(values) do
  local member = ARGV[i + 4]
  local removed = redis.call('HDEL', h, member)
  if removed == 1 then
    records[#records + 1] = left('u', member)
  end
  local time = value and minute or moment
  kept = math.max(kept, time)
  claims[#claims + 1] = now - memory + time
  claims[#claims + 1] = claim(member, '')
  local owner = value and string.match(value, '^[^ ]+ %d+,([^ ]+) ')
  if owner and owner ~= '-' then
    kept = memory
    claims[#claims + 1] = now
    claims[#claims + 1] = claim(member, owner)
  end
  outcomes[#outcomes + 1] = removed
end
redis.call('ZADD', g, unpack(claims))
redis.call('ZREMRANGEBYSCORE', g, '-inf', now - memory)
redis.call('PEXPIRE', g, math.max(kept, redis.call('PTTL', g)))

local e, s = fence(m, rid, cand)
local published = 0
if #records > 0 then
  redis.call('ZREM', z, unpack(ARGV, 5))
  if e == '' then e = open(m, rid, cand) end
  s, published = publish(m, e, channel, records), 1
  retire(m, h, z, due, topic)
end
return { now, e, s, published, unpack(outcomes) }
