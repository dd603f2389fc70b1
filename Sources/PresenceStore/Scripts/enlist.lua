#!lua flags=allow-oom
-- enlist: lists a node as live, and returns all live nodes.
-- KEYS  nodes cfg
-- ARGV  node live-ms id
-- Reply now, 1 = this node was listed until now, then the nodes seen within live-ms, this one included
-- Invariants:
--   Only this server's clock counts. An entry more than live-ms in the future is dropped as well.
--   A data set without an id (new or flushed) gets the given id, with the time.
local live = tonumber(ARGV[2])
local now = clock()
local listed = 1 - redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. now - live)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '(' .. now + live, '+inf')
redis.call('HSETNX', KEYS[2], 'id', ARGV[3] .. '@' .. now)
return { now, listed, unpack(redis.call('ZRANGE', KEYS[1], 0, -1)) }
