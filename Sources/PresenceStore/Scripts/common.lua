-- Rollcall · what the topic scripts share; the loader puts it between a script's first line and the rest.
--
-- Value of a member:  ref[,prev] SP ttl[,owner] SP json
--   ttl in whole seconds; owner: none = heartbeats over REST, 8–16 characters = that open stream,
--   '_shared_' = the open streams that `o` lists, '-' = its last stream has ended and its grace runs.
-- Message on the channel:  1:<epoch>:<seq>:[*]<records>
--   '*' = the topic was empty before: the message is the whole state
--   +<member bytes>:<value bytes>:<member><value>   set
--   -<reason><member bytes>:<member>                leave: u untracked, c closed, x expired, e evicted
-- Invariants: JSON is never parsed here; whoever writes a lease re-arms `due` with LT, and a sweep sets it to the
-- earliest lease, so that `due` stays a lower bound; values are parsed, and rights asked for, before the first write, so
-- that neither a strange value nor a right that was taken away leaves anything half done.

-- Milliseconds on this server's clock, the only one that leases know.
local function clock()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

-- The owner of a member that several open streams hold; no stream has this name.
local shared = '_shared_'

local function parse(value)
  return string.match(value, '^([^ ,]+),?([^ ]*) (%d+),?([^ ]*) (.*)$')
end

local function compose(ref, prev, ttl, owner, json)
  if prev ~= '' then ref = ref .. ',' .. prev end
  if owner ~= '' then ttl = ttl .. ',' .. owner end
  return ref .. ' ' .. ttl .. ' ' .. json
end

-- Stops a script before its first write if the user of this connection may not run a later one: Redis would stop it there,
-- and what was written would stay.
local function need(command, ...)
  if redis.acl_check_cmd and not redis.acl_check_cmd(command, ...) then
    error({ err = 'NOPERM ' .. command .. ' is not allowed' })
  end
end

local function needSet(h, z)
  need('HSET', h, '', '')
  need('ZADD', z, 0, '')
end

local function needRemoval(m, h, z)
  need('HSET', m, '', '')
  need('HDEL', h, '')
  need('ZREM', z, '')
  need('EXISTS', h)
  need('DEL', m)
end

local function needPublish(m, channel)
  need('HINCRBY', m, 's', 1)
  need('PUBLISH', channel, '')
end

-- The topic's position; '' and 0 when it has none. Another run_id than the stored one means that this server may not
-- have all that was acknowledged: its cursors must never meet the old ones, so a new epoch begins. rid '' = no fence.
local function fence(m, rid, cand)
  local t = redis.call('HMGET', m, 'e', 's', 'r')
  if not t[1] then return '', 0 end
  if rid == '' or t[3] == rid then return t[1], tonumber(t[2]) end
  redis.call('HSET', m, 'e', cand, 's', '0', 'r', rid)
  return cand, 0
end

-- As fence, and gives a topic without position one.
local function open(m, rid, cand)
  local e, s = fence(m, rid, cand)
  if e ~= '' then return e, s end
  redis.call('HSET', m, 'e', cand, 's', '0', 'r', rid)
  return cand, 0
end

-- Publishes the records under the next seq and returns that; the topic must be open.
local function publish(m, e, channel, records)
  local s = redis.call('HINCRBY', m, 's', 1)
  redis.call('PUBLISH', channel, '1:' .. e .. ':' .. s .. ':' .. table.concat(records))
  return s
end

local function joined(member, value)
  return '+' .. #member .. ':' .. #value .. ':' .. member .. value
end

local function left(reason, member)
  return '-' .. reason .. #member .. ':' .. member
end

-- What stands in a bucket's `g` for a presence that was untracked while that stream was open, or '' for heartbeats. A
-- long name is replaced by its digest, so that no caller decides how much an entry takes.
local function claim(topic, member, owner)
  local name = topic .. '\31' .. member .. '\31' .. owner
  return #name > 96 and redis.sha1hex(name) or name
end

-- An empty topic leaves no key behind; its next life has a new epoch.
local function retire(m, h, z, due, o, topic)
  if redis.call('EXISTS', h) == 1 then return false end
  redis.call('DEL', m, z, o)
  redis.call('ZREM', due, topic)
  return true
end
