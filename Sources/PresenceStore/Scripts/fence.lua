#!lua flags=allow-oom
-- fence: reads the position of a topic.
-- KEYS  m
-- ARGV  rid cand
-- Reply now, epoch, seq, 0
-- Invariants:
--   A topic without a position gets none: the reply has '' and 0.
--   With another run_id than the stored one a new epoch begins at 0, so a failover that lost writes reuses no cursor.
local e, s = fence(KEYS[1], ARGV[1], ARGV[2])
return { clock(), e, s, 0 }
