#!lua flags=allow-oom
-- lift: drops a revocation, and notifies all nodes.
-- KEYS  revocations
-- ARGV  channel id
-- Reply now, 1 lifted, 0 there is no such revocation
-- Invariants:
--   A change raises `v` by 1. Without one nothing is published.
local revocations = KEYS[1]
local channel, id = unpack(ARGV)

need('HINCRBY', revocations, 'v', 1)
need('PUBLISH', channel, '')
local lifted = redis.call('HDEL', revocations, id)
if lifted == 1 then
  redis.call('HINCRBY', revocations, 'v', 1)
  redis.call('PUBLISH', channel, '1')
end
return { clock(), lifted }
