import { createHash } from 'node:crypto'

/** A script and its name at the server. */
export interface RedisScript {
  readonly text: string
  readonly sha: string
}

function script(text: string): RedisScript {
  return { text, sha: createHash('sha1').update(text).digest('hex') }
}

/** Begins an error that a script makes itself, before it has written anything. */
export const OWN_ERROR = 'BERYL'

/** The meta outlives its day by this part of it. */
const KEEP_PART = 16

/**
 * The state of a topic, in both scripts. Keys: meta, stream, ids. Arguments: the replication id that was read when the connection was
 * made, an epoch and a key in case new ones are needed, `size`, `ttlMs`, and how long the meta outlives the entries.
 *
 * Where the meta is missing (evicted, lost, too old), or is none that was written here, what is left of the entries may be from anywhere: it goes. Where
 * the server has another replication id than at the last call it may have an older state: the epoch changes, and offsets go on. Each
 * start and each promotion makes a new one, as does a first replica; a `run_id` would stay with a master that became a replica, and a
 * master again.
 *
 * @param begin makes the meta, and drops what is left of the entries: the order decides whether a server that is full says no
 */
const STATE = (begin: string): string => `
local meta, stream, ids = KEYS[1], KEYS[2], KEYS[3]
local info, replid = redis.pcall('INFO', 'replication'), ARGV[1]
if type(info) == 'string' then
  if string.find(info, 'role:slave', 1, true) then return redis.error_reply('READONLY this server is a replica') end
  local _, at = string.find(info, 'master_replid:', 1, true)
  if at then replid = string.match(info, '^%w+', at + 1) end
end
if replid == '' then return redis.error_reply('${OWN_ERROR} this user may not ask INFO replication, without which an older state is not noticed: give it +info') end
local state = redis.call('HMGET', meta, 'epoch', 'offset', 'replid', 'indexed', 'key', 'former')
local epoch, offset = string.match(state[1] or '', '^[%w_-]+$'), tonumber(string.match(state[2] or '', '^%d+$'))
local key, former = state[5], state[6]
if not (epoch and offset and offset < 2 ^ 53 and key and former) then
  epoch, offset, key, former = ARGV[2], 0, ARGV[3], ''
  ${begin}
elseif state[3] ~= replid then
  local list = { epoch .. ' ' .. string.format('%.0f', offset) }
  for one in string.gmatch(former, '%S+ %d+') do
    if #list < 4 then list[#list + 1] = one end
  end
  epoch, former = ARGV[2], table.concat(list, ' ')
  redis.call('HSET', meta, 'epoch', epoch, 'replid', replid, 'former', former)
end
`
const MAKE = `redis.call('HSET', meta, 'epoch', epoch, 'offset', '0', 'replid', replid, 'key', key, 'former', '')`
const DROP = `redis.call('DEL', stream, ids)`

/** Entries or none: a day or `ttlMs`. A day is written for somewhat more, so that not every use has to write it. */
const KEEPING = `
local least = tonumber(ARGV[5])
local ms = least
if offset > 0 then
  least = math.max(least, tonumber(ARGV[6]))
  ms = least + math.floor(least / ${KEEP_PART})
end
if redis.call('PTTL', meta) < least then redis.call('PEXPIRE', meta, ms) end
`

/**
 * Further arguments: the channel, what a message on it begins with, `1` where an id may be in the log, then id and text of each
 * entry. Gives the epoch and the offsets.
 *
 * Entries have their ids in them. The hash of ids is made of them when somebody asks for one, and is kept as long as one that was
 * asked for may be there: `indexed` is the last offset of that time. Until then every id is looked for, also one that is said to be
 * new: it may come late, behind its own repetition. The first write is always one that a server refuses where it is full.
 *
 * A stream that does not take the next offset has entries that somebody else wrote: without its meta the log is a lost one. Only the
 * first entry can be refused so.
 */
const APPENDING = (publish: string): string => `${STATE(`${MAKE}\n  ${DROP}`)}
local asked, size = ARGV[9] == '1', tonumber(ARGV[4])
local askedTo = tonumber(state[4] or '')
local indexed = asked or askedTo and offset < askedTo + size
if asked then
  redis.call('HSET', meta, 'indexed', offset + (#ARGV - 9) / 2)
  if not askedTo then redis.call('DEL', ids) end
end
local length = indexed and redis.call('XLEN', stream) or 0
local isEmpty = length == 0
if indexed and not isEmpty and redis.call('EXISTS', ids) == 0 then
  for _, entry in ipairs(redis.call('XRANGE', stream, '-', '+')) do
    if entry[2][2] ~= '' then redis.call('HSET', ids, entry[2][2], string.match(entry[1], '%d+')) end
  end
end
local answer, messages = { epoch }, {}
for n = 10, #ARGV, 2 do
  local id, text = ARGV[n], ARGV[n + 1]
  local place = indexed and not isEmpty and id ~= '' and redis.call('HGET', ids, id)
  if not place then
    offset = offset + 1
    place = string.format('%.0f', offset)
    local added = indexed and redis.pcall('XADD', stream, place .. '-0', 'id', id, 'text', text)
      or redis.pcall('XADD', stream, 'MAXLEN', '=', ARGV[4], place .. '-0', 'id', id, 'text', text)
    if type(added) == 'table' and added.err then
      if not string.match(added.err, '^ERR') and not string.match(added.err, '^WRONGTYPE') then return added end
      redis.call('DEL', meta)
      return redis.error_reply('${OWN_ERROR} what is in the stream is not of this log: it begins anew')
    end
    if indexed then
      if isEmpty then redis.call('DEL', ids) end
      isEmpty = false
      if id ~= '' then redis.call('HSET', ids, id, place) end
    end
    messages[#messages + 1] = ARGV[8] .. epoch .. ' ' .. place .. ' ' .. text
  end
  answer[#answer + 1] = place
end
if indexed and length + #messages > size then
  for _, entry in ipairs(redis.call('XRANGE', stream, '-', '+', 'COUNT', length + #messages - size)) do
    redis.call('HDEL', ids, entry[2][2])
  end
  redis.call('XTRIM', stream, 'MAXLEN', '=', ARGV[4])
end
if #messages > 0 then
  redis.call('HSET', meta, 'offset', offset)
  redis.call('PEXPIRE', stream, ARGV[5])
  if indexed then redis.call('PEXPIRE', ids, ARGV[5]) end
end
if askedTo and not indexed then
  redis.call('HDEL', meta, 'indexed')
  redis.call('DEL', ids)
end
${KEEPING}
for _, message in ipairs(messages) do redis.call('${publish}', ARGV[7], message) end
return answer
`
export const APPEND = script(APPENDING('PUBLISH'))
export const APPEND_SHARDED = script(APPENDING('SPUBLISH'))

/**
 * One further argument: the offset behind which the entries are wanted. Gives the epoch, the last offset, the key, the former
 * epochs, and the entries. Entries that somebody cut out by hand leave a hole: then none is given.
 */
export const READ = script(`${STATE(`${DROP}\n  ${MAKE}`)}
${KEEPING}
local answer = { epoch, string.format('%.0f', offset), key, former }
if tonumber(ARGV[7]) >= offset then return answer end
local entries = redis.call('XRANGE', stream, '(' .. ARGV[7] .. '-0', '+')
local first = offset - #entries
for n, entry in ipairs(entries) do
  if entry[1] ~= string.format('%.0f', first + n) .. '-0' then return answer end
end
for n, entry in ipairs(entries) do answer[n + 4] = entry[2][4] or '' end
return answer
`)
