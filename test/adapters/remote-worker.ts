// A worker of node:cluster whose adapter is driven from outside: the facts and the matrix run in another process than it.
import type { PubSubAdapter } from 'fastify-beryl'
import { cluster } from 'fastify-beryl/cluster'
import type { Called, Told } from './remote-adapter.ts'

const tell = (message: Told): void => void process.send?.({ remote: true, ...message })

let adapter: PubSubAdapter = cluster()

process.on('message', (called: Called | { readonly call?: undefined }) => {
  if (called.call === undefined) return
  const { id } = called
  void Promise.resolve(serve(called)).then(
    (result) => id !== undefined && tell({ id, result }),
    (error: Error) => id !== undefined && tell({ id, error: error.message }),
  )
})

// A message to a worker that does not listen yet is lost.
tell({})

function serve(called: Called): unknown {
  switch (called.call) {
    case 'start':
      adapter = cluster({ prefix: called.prefix })
      adapter.log?.listen({
        entry: (...entry) => tell({ entry }),
        hears: () => true,
        full: () => tell({ full: true }),
      })
      return adapter.start(
        called.topic ?? '',
        (topic, bytes) => tell({ topic, bytes }),
        (status) => tell({ status }),
      )
    case 'subscribe':
      return adapter.subscribe(called.topic ?? '')
    case 'unsubscribe':
      return adapter.unsubscribe(called.topic ?? '')
    case 'publish':
      return adapter.publish(called.topic ?? '', called.bytes ?? new Uint8Array())
    case 'append':
      return adapter.log?.append(...called.args)
    case 'read':
      return adapter.log?.read(...called.args)
    case 'forget':
      return adapter.log?.forget(...called.args)
    case 'stop':
      // A worker without a node would end.
      return Promise.resolve(adapter.stop()).then(() => process.channel?.ref())
    default:
      return called satisfies never
  }
}
