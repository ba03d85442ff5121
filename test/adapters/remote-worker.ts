// A worker of node:cluster whose adapter is driven from outside: the facts and the matrix run in another process than it.
import type { PubSubAdapter } from 'fastify-beryl'
import { cluster } from 'fastify-beryl/cluster'
import type { Called } from './remote-adapter.ts'

const tell = (message: object): void => void process.send?.({ remote: true, ...message })

let adapter: PubSubAdapter = cluster()

process.on('message', ({ call, id, topic = '', bytes }: Partial<Called>) => {
  if (call === undefined) return
  void Promise.resolve(serve(call, topic, bytes ?? new Uint8Array())).then(
    () => id !== undefined && tell({ id }),
    (error: Error) => id !== undefined && tell({ id, error: error.message }),
  )
})

// A message to a worker that does not listen yet is lost.
tell({})

function serve(call: Called['call'], topic: string, bytes: Uint8Array): unknown {
  switch (call) {
    case 'start':
      adapter = cluster()
      return adapter.start(
        topic,
        (from, message) => tell({ topic: from, bytes: message }),
        (status) => tell({ status }),
      )
    case 'subscribe':
      return adapter.subscribe(topic)
    case 'unsubscribe':
      return adapter.unsubscribe(topic)
    case 'publish':
      return adapter.publish(topic, bytes)
    case 'stop':
      // A worker without a node would end.
      return Promise.resolve(adapter.stop()).then(() => process.channel?.ref())
    default:
      return call satisfies never
  }
}
