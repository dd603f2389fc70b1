#!lua flags=no-writes
-- rights: returns the rights that the user of this connection lacks.
-- ARGV  index of the first command, then pairs: name, words of a command (separated by spaces)
-- Reply the names of what is not allowed or not known to this server; without commands when a key is among them
-- Invariants: it executes none of the commands.
local missing = {}
if not redis.acl_check_cmd then return missing end
local first = tonumber(ARGV[1])
local keysMissing = false
for i = 2, #ARGV, 2 do
  if i >= first and keysMissing then break end
  local words = {}
  for word in string.gmatch(ARGV[i + 1], '[^ ]+') do words[#words + 1] = word end
  local known, allowed = pcall(redis.acl_check_cmd, unpack(words))
  if not known then
    missing[#missing + 1] = ARGV[i] .. ' (unknown to this server)'
  elseif not allowed then
    missing[#missing + 1] = ARGV[i]
    if string.sub(ARGV[i], 1, 4) == 'key ' then keysMissing = true end
  end
end
return missing
