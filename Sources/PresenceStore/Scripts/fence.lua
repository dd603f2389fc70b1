#!lua flags=allow-oom
-- fence: where a topic's history stands.
-- KEYS  m
-- ARGV  rid cand
-- Reply now, epoch, seq, 0
-- Invariants: a topic without position stays so ('' and 0, nothing is created); under another run_id than the stored
-- one a new epoch begins at 0, so a failover that lost writes can never reuse a cursor.
local e, s = fence(KEYS[1], ARGV[1], ARGV[2])
return { clock(), e, s, 0 }
