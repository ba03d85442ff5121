/**
 * The least that a log in Redis can do: one script, which asks the server who it is, appends the whole frame to a stream of 100 and publishes
 * it. No position, no epoch, no id, no expiry.
 */
import { TOPIC } from './orders.ts'
import { serveBare } from './serve-bare.ts'

const CHANNEL = `logged:${TOPIC}`
const SCRIPT = `
local replid = string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)')
local id = redis.call('XADD', KEYS[1], 'MAXLEN', '=', '100', '*', 'text', ARGV[2])
redis.call('PUBLISH', ARGV[1], ARGV[2])
return { replid, id }`

await serveBare(CHANNEL, async (client) => {
  const sha = await client.scriptLoad(SCRIPT)
  return (frame) => client.evalSha(sha, { keys: ['bare-log'], arguments: [CHANNEL, frame] })
})
