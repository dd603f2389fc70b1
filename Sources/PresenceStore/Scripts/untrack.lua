#!lua flags=allow-oom
-- untrack: removes 1…500 members.
-- KEYS  m h z due o g
-- ARGV  topic channel rid cand reason, then per member: member condition     reason u untracked | r removed;
--       condition: `permits` in common.lua; the member key 0x1f stands for the sessions of that key that are absent
-- Reply now, epoch, seq, published, then per member: 1 removed, 0 was not there, 2 moved; after all, the current ref of
--       each member that moved
-- Invariants:
--   It publishes only the members that were there. With the last member it deletes the topic's keys.
--   It compares and removes in one step. A member that does not fulfil its condition stays as it is.
--   `g` records each removal, so that a node that misses the message does not restore the member: an hour for each
--   stream that held it, a minute for heartbeats, 20 s for heartbeats of a member that Redis may have lost.
--   `g` is bounded, because it also grows on a full Redis: beyond 512 entries those that end first are dropped, and an
--   absent member is recorded only while there are fewer than 64.
--   An absent member with refs as its condition is not recorded: a node may restore it with another ref.
local m, h, z, due, o, g = unpack(KEYS)
local topic, channel, rid, cand, reason = unpack(ARGV, 1, 5)
-- `memory` is also in restore.lua (`untracked`); both must be equal.
local memory, minute, moment = 3600000, 60000, 20000
local most, mostAbsent = 512, 64

local members = {}
for i = 6, #ARGV, 2 do members[#members + 1] = ARGV[i] end

local now = clock()
local values = redis.call('HMGET', h, unpack(members))
local room = mostAbsent - redis.call('ZCARD', g)
local records, claims, outcomes, fields, refs, leaving = {}, {}, {}, {}, {}, {}
local kept = moment
local function keep(member, owner, time)
  claims[#claims + 1] = now - memory + time
  claims[#claims + 1] = claim(topic, member, owner)
  if time > kept then kept = time end
end
for i, value in ipairs(values) do
  local member, condition = members[i], ARGV[2 * i + 5]
  if value and condition ~= '' and not permits(condition, (parse(value))) then
    outcomes[i] = 2
    refs[#refs + 1] = parse(value)
  else
    leaving[#leaving + 1] = member
    local owner = value and string.match(value, '^[^ ]+ %d+,([^ ]+) ')
    if owner == shared then
      for name in string.gmatch(redis.call('HGET', o, member) or '', '([^ :]+):') do keep(member, name, memory) end
      fields[member] = false
    elseif owner and owner ~= '-' then
      keep(member, owner, memory)
    end
    if value then
      keep(member, '', minute)
    elseif room > 0 and (condition == '' or condition == '*') then
      room = room - 1
      keep(member, '', moment)
    end
  end
end
needRemoval(m, h, z)
needNote(o, fields)
needPublish(m, channel)
if #claims > 0 then
  need('ZADD', g, 0, '')
  need('ZREMRANGEBYSCORE', g, 0, 0)
  need('ZREMRANGEBYRANK', g, 0, 0)
  need('PEXPIRE', g, 1)
  need('PTTL', g)
end
for i, member in ipairs(members) do
  if not outcomes[i] then
    outcomes[i] = redis.call('HDEL', h, member)
    if outcomes[i] == 1 then records[#records + 1] = left(reason, member) end
  end
end
note(o, fields)
-- A member may have many holders, and unpack takes a limited number of values.
for i = 1, #claims, 1000 do redis.call('ZADD', g, unpack(claims, i, math.min(i + 999, #claims))) end
if #claims > 0 then
  redis.call('ZREMRANGEBYSCORE', g, '-inf', now - memory)
  redis.call('ZREMRANGEBYRANK', g, 0, -most - 1)
  redis.call('PEXPIRE', g, math.max(kept, redis.call('PTTL', g)))
end

local e, s = fence(m, rid, cand)
local published = 0
if #records > 0 then
  redis.call('ZREM', z, unpack(leaving))
  if e == '' then e = open(m, rid, cand) end
  s, published = publish(m, e, channel, records), 1
  retire(m, h, z, due, o, topic)
end
for _, ref in ipairs(refs) do outcomes[#outcomes + 1] = ref end
return { now, e, s, published, unpack(outcomes) }
