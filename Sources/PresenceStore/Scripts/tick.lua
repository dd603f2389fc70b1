#!lua flags=allow-oom
-- tick: lists the topics of one bucket in which somebody's lease may be over, and keeps the bucket's hold.
-- KEYS  clk due
-- ARGV  rid gap-ms least-hold-ms longest-ttl-ms default-ttl-ms limit
-- Reply now, milliseconds for which expiry is held, then the topics (none while held)
-- Invariants: time in which nobody could renew is given back before anybody's lease is taken to be over. A gap between
-- ticks holds for as long as it lasted, at least least-hold and at most the longest ttl; a new run_id or a clock that
-- went back holds for one default ttl, and so does a bucket that was never ticked and has a lease that is over, for that
-- was a gap of unknown length; without one it has nothing to hold. At most `limit` topics that
-- are due come after up to 10 whose bound lies beyond any lease, however busy the bucket: a sweep brings those back.
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
if away < -1000 or t[3] and rid ~= '' and t[3] ~= rid then hold = math.max(hold, now + default) end
redis.call('HSET', clk, 'last', now, 'hold', hold, 'rid', rid)

if now < hold then return { now, hold - now } end
local topics = redis.call('ZRANGE', due, '(' .. now + 2 * longest, '+inf', 'BYSCORE', 'LIMIT', 0, 10)
for _, topic in ipairs(redis.call('ZRANGE', due, '-inf', now, 'BYSCORE', 'LIMIT', 0, limit)) do
  topics[#topics + 1] = topic
end
return { now, 0, unpack(topics) }
