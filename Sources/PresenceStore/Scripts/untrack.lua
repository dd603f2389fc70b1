#!lua flags=allow-oom
-- untrack: removes 1…500 members.
-- KEYS  m h z due
-- ARGV  topic channel rid cand, then the members
-- Reply now, epoch, seq, published, then per member: 1 removed, 0 was not there
-- Invariants: publishes only those that were there; the last one takes the topic's keys with it.
local m, h, z, due = unpack(KEYS)
local topic, channel, rid, cand = unpack(ARGV, 1, 4)

local now = clock()
local records, outcomes = {}, {}
for i = 5, #ARGV do
  local removed = redis.call('HDEL', h, ARGV[i])
  if removed == 1 then records[#records + 1] = left('u', ARGV[i]) end
  outcomes[#outcomes + 1] = removed
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
