#!lua flags=allow-oom
-- sweep: removes members of one topic after the end of their leases.
-- KEYS  m h z due o clk
-- ARGV  topic channel rid cand batch tick-gap-ms longest-ttl-ms     batch at most 1000
-- Reply now, epoch, seq, published, removed (-1 = held, nothing changed), 1 = more are due, 1 = the topic needs audit
-- Invariants:
--   It checks the hold, the tick gap, the clock and the run_id itself, so that a delayed sweep cannot pass a hold.
--   It publishes one message for all members that it removes: closed after a grace, evicted if only the lease was left,
--   else expired.
--   Deadlines beyond any lease become now + the longest ttl. `due` becomes the earliest lease.
--   With the last member it deletes the topic's keys.
local m, h, z, due, o, clk = unpack(KEYS)
local topic, channel, rid, cand = unpack(ARGV, 1, 4)
local batch, gap, longest = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])

local now = clock()
local t = redis.call('HMGET', clk, 'last', 'hold', 'rid')
local last, hold = tonumber(t[1] or 0), tonumber(t[2] or 0)
-- The 1000 ms are also in tick.lua; both must be equal.
if now < hold or now - last > gap or now < last - 1000 or rid ~= '' and t[3] ~= rid then
  return { now, '', 0, 0, -1, 0, 0 }
end

local over = redis.call('ZRANGE', z, '-inf', now, 'BYSCORE', 'LIMIT', 0, batch)
if #over > 0 then
  needRemoval(m, h, z)
  need('ZADD', due, 0, '')
  need('HLEN', h)
  need('ZCARD', z)
  needPublish(m, channel)
end
local e, s = fence(m, rid, cand)
local published = 0
if #over > 0 then
  local records = {}
  for i, value in ipairs(redis.call('HMGET', h, unpack(over))) do
    local owner = value and string.match(value, '^[^ ]+ %d+,?([^ ]*)')
    records[i] = left(owner == '-' and 'c' or owner and 'x' or 'e', over[i])
  end
  if e == '' then e = open(m, rid, cand) end
  redis.call('HDEL', o, unpack(over))
  redis.call('HDEL', h, unpack(over))
  redis.call('ZREM', z, unpack(over))
  s, published = publish(m, e, channel, records), 1
end

local absurd = redis.call('ZRANGE', z, '(' .. now + 2 * longest, '+inf', 'BYSCORE', 'LIMIT', 0, batch)
if #absurd > 0 then
  local leases = {}
  for i, member in ipairs(absurd) do leases[i * 2 - 1], leases[i * 2] = now + longest, member end
  redis.call('ZADD', z, unpack(leases))
end

if retire(m, h, z, due, o, topic) then return { now, e, s, published, #over, 0, 0 } end
local earliest = redis.call('ZRANGE', z, 0, 0, 'WITHSCORES')[2]
redis.call('ZADD', due, earliest or now + longest, topic)
local more = (#absurd == batch or earliest and tonumber(earliest) <= now) and 1 or 0
local ragged = redis.call('HLEN', h) ~= redis.call('ZCARD', z) and 1 or 0
return { now, e, s, published, #over, more, ragged }
