#!lua flags=allow-oom
-- enlist: says that a node lives, and learns which others do.
-- KEYS  nodes cfg
-- ARGV  node live-ms id
-- Reply now, 1 = this node was listed until now, then the nodes seen within live-ms, this one included
-- Invariants: judged by this server's clock alone; entries that clock could not have written are dropped as well; a data
-- set that has no id, since it is new or somebody flushed it, takes the given one and the time.
local live = tonumber(ARGV[2])
local now = clock()
local listed = 1 - redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. now - live)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '(' .. now + live, '+inf')
redis.call('HSETNX', KEYS[2], 'id', ARGV[3] .. '@' .. now)
return { now, listed, unpack(redis.call('ZRANGE', KEYS[1], 0, -1)) }
