#!lua
-- issue: keeps a new ticket until its first use.
-- KEYS  ticket
-- ARGV  record, ms for the first use
-- Reply now
-- Invariants:
--   A full Redis refuses it, because clients decide how many tickets there are.
--   The ticket has a TTL of Redis from its beginning, so that none stays for ever.
need('PEXPIRE', KEYS[1], '1')
redis.call('HSET', KEYS[1], 'r', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return { clock() }
