#!lua flags=no-writes
-- look: where a topic's history stands, for a Redis that takes no writes.
-- KEYS  m
-- ARGV  those of fence, which are not used
-- Reply now, epoch, seq, 0
-- Invariants: changes nothing. The position may be one that another run_id wrote: it is right for what is there now, and
-- the fence begins a new epoch before anything is written after it.
local t = redis.call('HMGET', KEYS[1], 'e', 's')
return { clock(), t[1] or '', tonumber(t[2] or 0), 0 }
