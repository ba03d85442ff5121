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

/**
 * The state of a topic, in both scripts. Keys: meta, stream, ids. Arguments: the `run_id` that was read when the connection was
 * made, an epoch and a key in case new ones are needed, `size`, `ttlMs`, and how long the meta outlives the entries.
 *
 * Where the meta is missing (evicted, lost, too old), what is left of the entries may be from anywhere: it goes first. Where
 * the server is another than that of the last call it may have an older state: the epoch changes, and offsets go on. So it does where
 * the same one has another `master_replid`: it was a replica meanwhile, and has the state of who stood in its place.
 */
const STATE = `
local meta, stream, ids = KEYS[1], KEYS[2], KEYS[3]
local info = redis.pcall('INFO', 'server', 'replication')
if type(info) ~= 'string' then info = '' end
local run = string.match(info, 'run_id:(%w+)') or ARGV[1]
if run == '' then return redis.error_reply('${OWN_ERROR} this user may not ask INFO server, without which an older state is not noticed: give it +info') end
local state = redis.call('HMGET', meta, 'epoch', 'offset', 'run', 'key', 'former', 'line')
local epoch, offset, key, former = state[1], tonumber(state[2] or 0), state[4], state[5]
local line = string.match(info, 'master_replid:(%w+)') or state[6] or ''
local function whole(number) return string.format('%.0f', number) end
local function keep()
  local ms = tonumber(ARGV[5])
  if offset > 0 then ms = math.max(ms, tonumber(ARGV[6])) end
  if redis.call('PTTL', meta) < ms then redis.call('PEXPIRE', meta, whole(ms)) end
end
if not epoch then
  redis.call('DEL', stream, ids)
  epoch, key, former = ARGV[2], ARGV[3], ''
  redis.call('HSET', meta, 'epoch', epoch, 'offset', '0', 'run', run, 'line', line, 'key', key, 'former', former)
elseif state[3] ~= run or (state[6] or line) ~= line then
  local list = { epoch .. ' ' .. whole(offset) }
  for one in string.gmatch(former, '%S+ %d+') do
    if #list < 4 then list[#list + 1] = one end
  end
  epoch, former = ARGV[2], table.concat(list, ' ')
  redis.call('HSET', meta, 'epoch', epoch, 'run', run, 'line', line, 'former', former)
elseif not state[6] then
  redis.call('HSET', meta, 'line', line)
end
`

/**
 * Further arguments: the channel, what a message on it begins with, then id and text of each entry. Gives the epoch and the
 * offsets.
 *
 * Ids go with their entries, which name them. Where the ids alone were evicted the entries have them still.
 */
const APPENDING = (publish: string): string => `${STATE}
local length = redis.call('XLEN', stream)
if length == 0 then
  redis.call('DEL', ids)
elseif redis.call('EXISTS', ids) == 0 then
  for _, entry in ipairs(redis.call('XRANGE', stream, '-', '+')) do
    if entry[2][2] ~= '' then redis.call('HSET', ids, entry[2][2], string.match(entry[1], '%d+')) end
  end
end
local answer, messages = { epoch }, {}
for n = 9, #ARGV, 2 do
  local id, text = ARGV[n], ARGV[n + 1]
  local place = id ~= '' and redis.call('HGET', ids, id)
  if not place then
    offset = offset + 1
    place = whole(offset)
    redis.call('XADD', stream, place .. '-0', 'id', id, 'text', text)
    if id ~= '' then redis.call('HSET', ids, id, place) end
    messages[#messages + 1] = ARGV[8] .. epoch .. ' ' .. place .. ' ' .. text
  end
  answer[#answer + 1] = place
end
local excess = length + #messages - tonumber(ARGV[4])
if excess > 0 then
  for _, entry in ipairs(redis.call('XRANGE', stream, '-', '+', 'COUNT', excess)) do
    redis.call('HDEL', ids, entry[2][2])
  end
  redis.call('XTRIM', stream, 'MAXLEN', '=', ARGV[4])
end
if #messages > 0 then
  redis.call('HSET', meta, 'offset', whole(offset))
  redis.call('PEXPIRE', stream, ARGV[5])
  redis.call('PEXPIRE', ids, ARGV[5])
end
keep()
for _, message in ipairs(messages) do redis.call('${publish}', ARGV[7], message) end
return answer
`
export const APPEND = script(APPENDING('PUBLISH'))
export const APPEND_SHARDED = script(APPENDING('SPUBLISH'))

/**
 * One further argument: the offset behind which the entries are wanted. Gives the epoch, the last offset, the key, the former
 * epochs, and the entries. Entries that somebody cut out by hand leave a hole: then none is given.
 */
export const READ = script(`${STATE}
keep()
local answer = { epoch, whole(offset), key, former }
if tonumber(ARGV[7]) >= offset then return answer end
local entries = redis.call('XRANGE', stream, '(' .. ARGV[7] .. '-0', '+')
local first = offset - #entries
for n, entry in ipairs(entries) do
  if entry[1] ~= whole(first + n) .. '-0' then return answer end
end
for n, entry in ipairs(entries) do answer[n + 4] = entry[2][4] end
return answer
`)
