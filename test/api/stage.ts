import Fastify, { type FastifyInstance } from 'fastify'
import { beryl, defineChannel } from 'fastify-beryl'
import {
  Actor,
  dynamicSupervisor,
  type Supervisor,
  startDynamicSupervisor,
  startSupervisor,
  type WorkerContext,
  worker,
} from 'fastify-beryl/supervision'
import {
  adapterFacts,
  connect,
  fakeClock,
  memoryNetwork,
  type TestChannel,
  type TestClient,
} from 'fastify-beryl/testing'
import { Type } from 'typebox'

// One of each handle that users may hold, alive.

export class Counter extends Actor {
  #count = 0
  override init(): void {}
  increment(): number {
    this.#count++
    return this.#count
  }
}

export interface Stage {
  readonly app: FastifyInstance
  readonly client: TestClient
  readonly channel: TestChannel
  readonly owner: AbortSignal
  readonly supervisor: Supervisor
  readonly workerContext: WorkerContext
  readonly counter: unknown
  readonly handles: Readonly<Record<string, object>>
  readonly crashes: unknown[]
  /** The state of the world: nothing of it may change by a refusal. */
  snapshot(): string
  settle(): Promise<void>
  end(): Promise<void>
}

export async function stage(): Promise<Stage> {
  const app = Fastify()
  const sockets: Record<string, unknown>[] = []
  const room = defineChannel('room:*', {
    schema: {
      in: { say: {} },
      out: { said: Type.Object({ body: Type.String() }, { additionalProperties: false }), any: Type.Any() },
      info: { informed: Type.Any() },
      presence: Type.Object({ name: Type.String() }),
    },
    history: { events: ['any'] },
    join: () => ({ assigns: {} }),
    joined: (socket) => void sockets.push(socket as never),
    in: { say: () => undefined },
    info: { informed: () => undefined },
  })
  await app.register(beryl, {
    connectionTopic: () => undefined,
    channels: [room],
    presence: { limits: { keys: false, changesPerSecond: false } },
  })
  await app.ready()
  const crashes: unknown[] = []
  for (const name of ['channel.crash', 'connection.crash', 'listener.failed', 'telemetry.failed'] as const)
    app.channels.onTelemetry(name, (_, metadata) => void crashes.push({ name, ...metadata }))
  const client = await connect(app, { timeoutMs: 1 })
  const channel = await joined(client)
  const owner = new AbortController()
  const supervisor = (await startSupervisor({
    children: [Counter.spec({ args: [] })],
  })) as unknown as Supervisor
  const pool = await startDynamicSupervisor({})
  let workerContext: WorkerContext | undefined
  await supervisor.startChild(
    worker('context', async (context) => {
      workerContext = context
      await context.stopped()
    }),
  )
  await supervisor.startChild(dynamicSupervisor('nested', {}))
  const network = memoryNetwork()
  const socket = sockets.at(-1) as { presence: object }
  const push = channel.push('say' as never, {} as never)
  await push.expectReply('ok').catch(() => {})
  return {
    app,
    client,
    channel,
    owner: owner.signal,
    supervisor,
    workerContext: workerContext as unknown as WorkerContext,
    counter: supervisor.which('Counter'),
    crashes,
    handles: {
      channels: app.channels,
      presence: app.presence,
      groups: app.groups,
      socket,
      'socket.presence': socket.presence,
      client,
      channel,
      push,
      clock: fakeClock(),
      network,
      adapter: network.adapter(),
      supervisor,
      pool,
      fact: adapterFacts[0] as object,
      spec: Counter.spec({ args: [] }),
      worker: workerContext as unknown as object,
    },
    snapshot() {
      const { node, state, connections, channels, topics } = app.channels.status()
      return written({
        ...{ node, state, connections, channels, topics },
        names: app.channels.topics(),
        groups: app.groups.list().map((name) => [name, [...app.groups.topics(name)]]),
        presence: [app.presence.list('room:1'), app.presence.list('x')],
        subscribers: app.channels.subscriberCount('room:1'),
        children: [supervisor.children().map(({ id }) => id), pool.count().specs],
      })
    },
    async settle() {
      await client.settle()
      await client.settle()
    },
    async end() {
      owner.abort()
      supervisor.shutdown('shutdown')
      pool.shutdown('shutdown')
      await Promise.all([supervisor.exited, pool.exited])
      await app.close()
    },
  }
}

/** The millisecond of this client's patience, right for all that comes in vain, may be short for an answer: it joins again. */
async function joined(client: TestClient): Promise<TestChannel> {
  for (;;)
    try {
      return (await client.join('room:1')) as unknown as TestChannel
    } catch (error) {
      if ((error as { code?: string }).code !== 'ERR_ASSERTION') throw error
    }
}

function written(value: unknown): string {
  try {
    return JSON.stringify(value)
  } catch (error) {
    return `cannot be written: ${String(error)}`
  }
}
