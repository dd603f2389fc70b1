#!lua flags=no-writes
-- look: reads the position of a topic on a Redis that takes no writes.
-- KEYS  m
-- ARGV  those of fence, which are not used
-- Reply now, epoch, seq, 0
-- Invariants: it changes nothing. Another run_id may have written the position. That is correct for the present state,
-- because the fence begins a new epoch before the next write.
local t = redis.call('HMGET', KEYS[1], 'e', 's')
return { clock(), t[1] or '', tonumber(t[2] or 0), 0 }
