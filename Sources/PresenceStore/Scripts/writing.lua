#!lua
-- writing: changes nothing. Redis runs a script without flags only if it would take a write that needs memory.
-- Reply 1
return 1
