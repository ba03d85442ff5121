/** A node without this package: the writes of `ws-raw`, and its own way to the others. It serves one topic, subscribed to from the beginning. */
import { createServer } from 'node:http'
import { createClient } from '@redis/client'
import { WebSocketServer } from 'ws'
import { host } from './host.ts'
import { listenOn } from './listen.ts'
import { brokerUrl, noteHeard, TOPIC, takeOrders } from './orders.ts'
import { PhoenixWire } from './phoenix-wire.ts'
import { RawMember, writeToAll } from './raw-member.ts'

const makeClient = () => createClient({ url: brokerUrl() ?? '' })
export type RedisClient = ReturnType<typeof makeClient>

/** @param publisher gives what sends a frame to all who subscribe to the channel */
export async function serveBare(
  channel: string,
  publisher: (client: RedisClient) => Promise<(frame: string) => Promise<unknown>>,
): Promise<void> {
  const [client, subscriber] = [makeClient(), makeClient()]
  await Promise.all([client.connect(), subscriber.connect()])
  const publish = await publisher(client)

  const members = new Set<RawMember>()
  const heard = (message: Buffer) => {
    noteHeard(message)
    writeToAll(members, message.toString())
  }
  await subscriber.subscribe(channel, heard, true)

  const server = createServer()
  const wire = new PhoenixWire<RawMember>(writeToAll)
  new WebSocketServer({ server, path: '/socket/websocket' }).on('connection', (socket, request) => {
    const member = new RawMember(request.socket)
    members.add(member)
    socket.on('message', (data) => wire.receive(member, data))
    socket.on('close', () => {
      members.delete(member)
      wire.closed(member)
    })
  })

  takeOrders((payload) => void publish(JSON.stringify([null, null, TOPIC, 'said', payload])))
  await host(() => listenOn(server))
}
