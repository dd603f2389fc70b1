#!lua flags=allow-oom
-- redeem: gives a ticket to an opening of its stream, or extends it for the opening that has it.
-- KEYS  ticket
-- ARGV  tag in the client's last id, tag of this opening, lease-ms, channel, message
-- Reply now, then 1 done, 0 there is no such ticket, 2 another opening has it
-- Invariants:
--   The first opening needs no tag. Each later one needs the tag of the opening before it, so that the text of a ticket
--   from a log opens nothing.
--   An opening that gives its own tag twice extends the ticket and publishes nothing.
--   Any other opening after the first is published: the node with the earlier stream ends it.
local record, tag = unpack(redis.call('HMGET', KEYS[1], 'r', 'tag'))
local now = clock()
if not record then return { now, 0 } end
if tag and tag ~= ARGV[1] then return { now, 2 } end

local isLater = tag and tag ~= ARGV[2]
need('PEXPIRE', KEYS[1], '1')
if isLater then need('PUBLISH', ARGV[4], '') end
if tag ~= ARGV[2] then redis.call('HSET', KEYS[1], 'tag', ARGV[2]) end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
if isLater then redis.call('PUBLISH', ARGV[4], ARGV[5]) end
return { now, 1 }
