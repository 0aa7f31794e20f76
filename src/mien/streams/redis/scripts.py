"""What must happen in Redis as one step. Scripts run alone, so no two processes can come between each other.

Times are Redis's own, in milliseconds: clocks of the machines that share it may differ.
"""

from __future__ import annotations

from typing import Final

PUBLISH: Final = """
-- stream | most waiting, payload…  → 1, or 0 where it is full
if redis.call('XLEN', KEYS[1]) + #ARGV - 1 > tonumber(ARGV[1]) then return 0 end
for i = 2, #ARGV do redis.call('XADD', KEYS[1], '*', 'p', ARGV[i]) end
return 1
"""

_BURY: Final = """
local function bury(stream, dead, group, id, payload, deliveries, reason, most, oldest)
  redis.call('XADD', dead, '*', 'g', group, 'p', payload, 'n', deliveries, 'r', reason)
  redis.call('XTRIM', dead, 'MAXLEN', most)
  redis.call('XTRIM', dead, 'MINID', oldest)
  redis.call('XACKDEL', stream, group, 'ACKED', 'IDS', 1, id)
end
local function now()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end
"""

RECLAIM: Final = (
    _BURY
    + """
-- stream, dead letters | group, consumer, idle ms, most deliveries, most messages, most dead, dead ms, reason
-- → {id, deliveries, payload}…
local group, consumer, idle = ARGV[1], ARGV[2], ARGV[3]
local limit, most = tonumber(ARGV[4]), tonumber(ARGV[5])
local once, more = {}, nil
for _, held in ipairs(redis.call('XPENDING', KEYS[1], group, 'IDLE', idle, '-', '+', math.max(most, 100))) do
  local id, deliveries = held[1], held[4]
  local entry = redis.call('XRANGE', KEYS[1], id, id)[1]
  if not entry then
    redis.call('XACK', KEYS[1], group, id)
  elseif deliveries >= limit then
    local reason = string.gsub(ARGV[8], '#', tostring(deliveries))
    bury(KEYS[1], KEYS[2], group, id, entry[2][2], deliveries, reason, ARGV[6], now() - ARGV[7])
  elseif deliveries <= 1 then
    if #once < most then once[#once + 1] = {id, deliveries} end
  elseif not more then
    more = {id, deliveries}
  end
end
if #once == 0 and more then once = {more} end
local taken = {}
for _, held in ipairs(once) do
  local entry = redis.call('XCLAIM', KEYS[1], group, consumer, 0, held[1])[1]
  if entry then taken[#taken + 1] = {entry[1], held[2] + 1, entry[2][2]} end
end
return taken
"""
)

BURY: Final = (
    _BURY
    + """
-- stream, dead letters | group, id, deliveries, reason, most dead, dead ms
if #redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[2], ARGV[2], 1) == 0 then return 0 end
local entry = redis.call('XRANGE', KEYS[1], ARGV[2], ARGV[2])[1]
if not entry then return 0 end
bury(KEYS[1], KEYS[2], ARGV[1], ARGV[2], entry[2][2], ARGV[3], ARGV[4], ARGV[5], now() - ARGV[6])
return 1
"""
)

EXTEND: Final = """
-- stream | group, consumer, id…
for i = 3, #ARGV do
  if #redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1, ARGV[2]) == 1 then
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[i], 'JUSTID')
  end
end
"""

REVIVE: Final = """
-- stream, dead letters | most waiting, id…  → how many, or -1 where the stream is full
local there = {}
for i = 2, #ARGV do
  local entry = redis.call('XRANGE', KEYS[2], ARGV[i], ARGV[i])[1]
  if entry then there[#there + 1] = entry end
end
if #there > 0 and redis.call('XLEN', KEYS[1]) + #there > tonumber(ARGV[1]) then return -1 end
for _, entry in ipairs(there) do
  redis.call('XADD', KEYS[1], '*', 'p', entry[2][4])
  redis.call('XDEL', KEYS[2], entry[1])
end
return #there
"""

_NOW: Final = """
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
"""

FOLLOWED: Final = (
    _NOW
    + """
-- followed channels | channel…  → 1 or 0 each
local scores, found = redis.call('ZMSCORE', KEYS[1], unpack(ARGV)), {}
for i, score in ipairs(scores) do found[i] = (score and tonumber(score) > now) and 1 or 0 end
return found
"""
)

ANNOUNCE: Final = """
-- log… | most kept, then channel, kind, at, data of each
for i = 1, #KEYS do
  local at = 4 * i - 2
  local channel, kind, seconds, data = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  local last = redis.call('XREVRANGE', KEYS[i], '+', '-', 'COUNT', 1)[1]
  -- A log that is not there was dropped: followers learn so when they renew it.
  if last then
    local id = redis.call('XADD', KEYS[i], 'MAXLEN', '~', ARGV[1], '*', 'k', kind, 'a', seconds, 'd', data)
    redis.call('PUBLISH', channel, last[1] .. ' ' .. id .. ' ' .. kind .. ' ' .. seconds .. ' ' .. data)
  end
end
"""

FOLLOW: Final = (
    _NOW
    + """
-- followed channels, log | channel, lease ms  → id of the log's last entry
-- Where nobody followed for a while events were not kept: the log begins anew, and every older id is before it.
local score = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not score or tonumber(score) <= now then redis.call('DEL', KEYS[2]) end
if redis.call('EXISTS', KEYS[2]) == 0 then redis.call('XADD', KEYS[2], '*', 'k', '', 'a', '', 'd', '') end
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
redis.call('PEXPIREAT', KEYS[2], now + ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
return redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)[1][1]
"""
)

SINCE: Final = """
-- log | id  → {1 or 0: whether all events behind the id are here, {id, {fields}}…}
local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
if not first then return {0, {}} end
local function reaches(from, to)
  local fa, fb = string.match(from, '(%d+)-(%d+)')
  local ta, tb = string.match(to, '(%d+)-(%d+)')
  fa, fb, ta, tb = tonumber(fa), tonumber(fb), tonumber(ta), tonumber(tb)
  return fa < ta or (fa == ta and fb <= tb)
end
local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
local whole = reaches(first[1], ARGV[1]) and reaches(ARGV[1], newest[1])
return {whole and 1 or 0, redis.call('XRANGE', KEYS[1], '(' .. ARGV[1], '+')}
"""

TELL: Final = (
    _NOW
    + """
-- counts, leases | room's notices, process, its count, lease ms  → count over all processes
local function total()
  local sum = 0
  for _, count in ipairs(redis.call('HVALS', KEYS[1])) do sum = sum + count end
  return sum
end
local before = total()
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now)) do
  redis.call('HDEL', KEYS[1], gone)
  redis.call('ZREM', KEYS[2], gone)
end
if tonumber(ARGV[3]) > 0 then
  redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
  redis.call('ZADD', KEYS[2], now + ARGV[4], ARGV[2])
elseif ARGV[2] ~= '' then
  redis.call('HDEL', KEYS[1], ARGV[2])
  redis.call('ZREM', KEYS[2], ARGV[2])
end
local after = total()
if after ~= before then redis.call('PUBLISH', ARGV[1], after) end
return after
"""
)
