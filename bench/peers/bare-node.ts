/** The least that a node can do: one `PUBLISH` of @redis/client for each broadcast, which has the whole frame in it. */
import { TOPIC } from './orders.ts'
import { serveBare } from './serve-bare.ts'

await serveBare(TOPIC, async (client) => (frame) => client.publish(TOPIC, frame))
