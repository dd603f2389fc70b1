-- Rollcall · functions that the scripts share; the loader inserts them behind a script's first line.
--
-- Value of a member:  ref[,prev] SP ttl[,owner] SP json
--   ttl in whole seconds; owner: none = heartbeats over REST, 8–16 characters = that open stream,
--   '_shared_' = the open streams that `o` lists, '-' = the last stream has ended and the grace runs.
-- Message on the channel:  1:<epoch>:<seq>:[*]<records>
--   '*' = the topic was empty before, so the records are its whole roster
--   +<member bytes>:<value bytes>:<member><value>   set
--   -<reason><member bytes>:<member>                leave: u untracked, r removed, c closed, x expired, e evicted
-- Invariants:
--   No script parses JSON.
--   A script that writes a lease lowers `due` with LT, and a sweep sets it to the earliest lease. So `due` stays a
--   lower bound of the leases.
--   A script parses values before its first write, and checks the rights of later writes where a part of them alone
--   would be wrong. So an unreadable value or a missing right leaves no half of an operation.

-- Milliseconds on this server's clock, the only clock for leases.
local function clock()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

-- The owner mark of a member that several open streams hold; no stream has this name.
local shared = '_shared_'

local function parse(value)
  return string.match(value, '^([^ ,]+),?([^ ]*) (%d+),?([^ ]*) (.*)$')
end

local function compose(ref, prev, ttl, owner, json)
  if prev ~= '' then ref = ref .. ',' .. prev end
  if owner ~= '' then ttl = ttl .. ',' .. owner end
  return ref .. ' ' .. ttl .. ' ' .. json
end

-- Whether a present member with the ref `ref` fulfils a condition: '' none, '*' any ref, else refs with commas between
-- them. Every ref has 16 characters and no comma, so only a whole ref is found.
local function permits(condition, ref)
  return condition == '' or condition == '*' or string.find(condition, ref, 1, true) ~= nil
end

-- Stops a script before its first write if the user of this connection may not run a later command. Otherwise Redis
-- would stop the script at that command and keep what it wrote before.
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

-- The topic's position; '' and 0 when it has none. A run_id other than the stored one means that this server may lack
-- acknowledged writes. A new epoch then begins, so that no cursor is used twice. rid '' = no fence.
local function fence(m, rid, cand)
  local t = redis.call('HMGET', m, 'e', 's', 'r')
  if not t[1] then return '', 0 end
  if rid == '' or t[3] == rid then return t[1], tonumber(t[2]) end
  redis.call('HSET', m, 'e', cand, 's', '0', 'r', rid)
  return cand, 0
end

-- As fence; a topic without a position gets one.
local function open(m, rid, cand)
  local e, s = fence(m, rid, cand)
  if e ~= '' then return e, s end
  redis.call('HSET', m, 'e', cand, 's', '0', 'r', rid)
  return cand, 0
end

-- Publishes the records with the next seq and returns it; the topic must have a position.
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

-- The entry in a bucket's `g` for a presence that was untracked while `owner` held it; owner '' = heartbeats. A digest
-- replaces a long name, so that an entry has 96 bytes at most.
local function claim(topic, member, owner)
  local name = topic .. '\31' .. member .. '\31' .. owner
  return #name > 96 and redis.sha1hex(name) or name
end

-- Deletes the keys of a topic that is empty; its next presence begins a new epoch. Returns whether it was empty.
local function retire(m, h, z, due, o, topic)
  if redis.call('EXISTS', h) == 1 then return false end
  redis.call('DEL', m, z, o)
  redis.call('ZREM', due, topic)
  return true
end
