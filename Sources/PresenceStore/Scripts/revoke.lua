#!lua flags=allow-oom
-- revoke: keeps up to 500 revocations, and notifies all nodes.
-- KEYS  revocations
-- ARGV  channel name most, then per revocation: id record     name = the name of a new hash; most '' = no bound
-- Reply now, 1 kept, 0 there would be more than `most`
-- Invariants:
--   All or nothing. A revocation that is there stays as it is.
--   The hash has its name in `set`, so that nodes know that Redis lost it when they find another name or none.
--   Each change raises `v` by 1.
--   A full Redis takes revocations: their number is bounded, and those that nodes put back were there before.
local revocations = KEYS[1]
local channel, name, most = unpack(ARGV, 1, 3)

local now = clock()
if most ~= '' and redis.call('HLEN', revocations) - 2 + (#ARGV - 3) / 2 > tonumber(most) then return { now, 0 } end

need('HINCRBY', revocations, 'v', 1)
need('PUBLISH', channel, '')
redis.call('HSETNX', revocations, 'set', name)
for i = 4, #ARGV, 2 do redis.call('HSETNX', revocations, ARGV[i], ARGV[i + 1]) end
redis.call('HINCRBY', revocations, 'v', 1)
redis.call('PUBLISH', channel, '1')
return { now, 1 }
