-- Holders of a member with the owner `shared`: its field in the topic's `o`, owner:time entries separated by spaces.
--   time > 0: the deadline of that holder · time < 0: the holder has lapsed, and -time is when a script first saw that
-- A holder that lapsed stays listed for one ttl after a script saw it, so that a node that was stopped or a Redis that
-- hung costs no holder its place. '+' stands for all holders that came when the list was full.
local maximum = 32
-- The key `o` expires this many milliseconds after its last change, with all fields that no script deleted.
local forgotten = 3600000

-- Returns the entries of all holders but `owner`, the latest deadline among them (0 when all have lapsed), whether
-- `owner` is listed, and whether '+' is. A deadline more than one ttl ahead, left by a clock that jumped back, becomes
-- now + ttl.
local function others(field, owner, now, ttl)
  local list, latest, listed, more = {}, 0, false, false
  for name, time in string.gmatch(field, '([^ :]+):(%-?%d+)') do
    time = tonumber(time)
    if name == owner then
      listed = true
    else
      if time > now + ttl then
        time = now + ttl
      elseif time < -now or time >= 0 and time <= now then
        time = -now
      end
      if time > 0 or now + time <= ttl then
        list[#list + 1] = name .. ':' .. time
        if time > latest then latest = time end
        if name == '+' then more = true end
      end
    end
  end
  return list, latest, listed, more
end

-- Lists `owner` with a deadline one ttl from now. Returns the mark for the value, the new field (false = no field,
-- because no other stream holds the member), and whether `owner` was listed before.
local function hold(field, owner, now, ttl)
  local list, _, listed, more = others(field, owner, now, ttl)
  if #list == 0 then return owner, false, listed end
  if not listed and (more or #list >= maximum) then
    list = others(field, '+', now, ttl)
    owner = '+'
  end
  list[#list + 1] = owner .. ':' .. now + ttl
  return shared, table.concat(list, ' '), listed
end

local function needNote(o, fields)
  if not next(fields) then return end
  need('HSET', o, '', '')
  need('HDEL', o, '')
  need('PEXPIRE', o, 1)
end

-- Writes the changed fields of `o`: member -> field, or false to delete it.
local function note(o, fields)
  local kept = false
  for member, field in pairs(fields) do
    if field then
      redis.call('HSET', o, member, field)
      kept = true
    else
      redis.call('HDEL', o, member)
    end
  end
  if kept then redis.call('PEXPIRE', o, forgotten) end
end
