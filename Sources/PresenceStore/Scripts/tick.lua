#!lua flags=allow-oom
-- tick: lists the topics of one bucket in which a lease may be over, and updates the bucket's hold.
-- KEYS  clk due
-- ARGV  rid tick-gap-ms least-hold-ms longest-ttl-ms default-ttl-ms limit
-- Reply now, milliseconds of the hold that are left, then the topics (none during a hold)
-- Invariants:
--   A hold gives back the time in which no node could renew, before a sweep removes anything.
--   After a tick gap the hold is as long as the gap, at least least-hold and at most the longest ttl.
--   After a new run_id or a clock that went back the hold is one default ttl. A bucket that was never ticked gets the
--   same hold if it has a lease that is over, because the gap was of unknown length; else it gets none.
--   The reply begins with up to 10 topics with a bound beyond any lease, so that a sweep corrects them even in a
--   busy bucket. At most `limit` topics that are due follow.
local clk, due = unpack(KEYS)
local rid = ARGV[1]
local gap, least, longest, default, limit = unpack(ARGV, 2)
gap, least, longest, default = tonumber(gap), tonumber(least), tonumber(longest), tonumber(default)

local now = clock()
local t = redis.call('HMGET', clk, 'last', 'hold', 'rid')
local last, hold = tonumber(t[1] or now), tonumber(t[2] or 0)
if not t[1] and #redis.call('ZRANGE', due, '-inf', now, 'BYSCORE', 'LIMIT', 0, 1) > 0 then hold = now + default end
if hold > now + longest then hold = now + default end
local away = now - last
if away > gap then hold = math.max(hold, now + math.min(math.max(away, least), longest)) end
-- The 1000 ms are also in sweep.lua; both must be equal.
if away < -1000 or t[3] and rid ~= '' and t[3] ~= rid then hold = math.max(hold, now + default) end
redis.call('HSET', clk, 'last', now, 'hold', hold, 'rid', rid)

if now < hold then return { now, hold - now } end
local topics = redis.call('ZRANGE', due, '(' .. now + 2 * longest, '+inf', 'BYSCORE', 'LIMIT', 0, 10)
for _, topic in ipairs(redis.call('ZRANGE', due, '-inf', now, 'BYSCORE', 'LIMIT', 0, limit)) do
  topics[#topics + 1] = topic
end
return { now, 0, unpack(topics) }
