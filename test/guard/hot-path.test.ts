import assert from 'node:assert/strict'
import { createHook } from 'node:async_hooks'
import { test } from 'node:test'
import Fastify from 'fastify'
import { Type } from 'typebox'
import { defineChannel } from '../../src/channel/define.ts'
import type { Clock } from '../../src/clock.ts'
import { Endpoint } from '../../src/endpoint.ts'
import { resolveOptions } from '../../src/options.ts'
import type { Frame } from '../../src/protocol/frame.ts'
import type { Codec } from '../../src/protocol/message.ts'
import { v1 } from '../../src/protocol/v1.ts'
import { v2 } from '../../src/protocol/v2.ts'
import type { Session } from '../../src/session/session.ts'
import type { Wire } from '../../src/session/wire.ts'
import { fakeClock } from '../../src/testing/fake-clock.ts'

// What one operation may cost, counted, not timed: promises, timers, encodes and writes. A change that makes the hot path
// dearer fails here, on any machine.

const room = defineChannel('room:*', {
  schema: {
    in: {
      echo: { payload: Type.Object({ n: Type.Number() }), reply: Type.Object({ n: Type.Number() }) },
      shout: Type.Object({ n: Type.Number() }),
      many: Type.Object({ times: Type.Integer() }),
      slow: { payload: Type.Object({}), reply: Type.Object({}) },
    },
    out: { shouted: Type.Object({ n: Type.Number() }) },
  },
  join: () => ({ assigns: {} }),
  in: {
    echo: (payload) => payload,
    shout: (payload, socket) => socket.broadcast('shouted', payload),
    many({ times }, socket) {
      for (let n = 0; n < times; n++) socket.broadcast('shouted', { n })
    },
    slow: async () => ({}),
  },
})

class CountingWire implements Wire {
  readonly bufferedBytes = 0
  readonly sentBytes = 0
  readonly bytesRead = 0
  readonly writes: Frame[] = []
  write(frames: Frame): void {
    this.writes.push(frames)
  }
  close(): void {}
  terminate(): void {}
  pause(): void {}
  resume(): void {}
}

const TEXT_FRAME = 0x81

interface Client {
  readonly session: Session
  readonly wire: CountingWire
}

interface Cost {
  readonly promises: number
  readonly timers: number
  readonly immediates: number
  readonly encodes: number
  readonly joins: number
}

class Stage {
  readonly clock: ReturnType<typeof fakeClock>
  readonly endpoint: Endpoint
  timers = 0
  immediates = 0

  constructor() {
    this.clock = fakeClock()
    const counting: Clock = {
      ...this.clock,
      now: () => this.clock.now(),
      setTimeout: (callback, ms) => this.#timer(this.clock.setTimeout(callback, ms)),
      setInterval: (callback, ms) => this.#timer(this.clock.setInterval(callback, ms)),
      setImmediate: (callback) => {
        this.immediates++
        return this.clock.setImmediate(callback)
      },
    }
    const options = { channels: [room], limits: { messages: false as const }, clock: counting }
    this.endpoint = new Endpoint(resolveOptions(options))
    this.endpoint.host.attach(Fastify())
  }

  #timer<T>(timer: T): T {
    this.timers++
    return timer
  }

  async start(): Promise<this> {
    await this.endpoint.startPubSub()
    this.endpoint.startSessions()
    return this
  }

  connect(codec: Codec = v2): Client {
    const wire = new CountingWire()
    const id = this.endpoint.makeConnectionId()
    const connection = { id, assigns: {}, ip: '127.0.0.1', transport: 'test', connectedAt: 0 } as const
    const admission = { connection, codec, connectionTopic: undefined, expiresAt: undefined }
    const session = this.endpoint.sessions?.open(admission, wire) as Session
    return { session, wire }
  }

  async join(count: number, codec: Codec = v2): Promise<Client[]> {
    const clients = Array.from({ length: count }, () => this.connect(codec))
    for (const { session } of clients) send(session, codec, 'phx_join', {})
    await this.clock.settle()
    for (const { wire } of clients) wire.writes.length = 0
    return clients
  }

  /** What `operation` and the end of its turn cost. */
  async cost(operation: () => void): Promise<Cost> {
    const { stringify } = JSON
    const { concat } = Buffer
    let promises = 0
    let encodes = 0
    let joins = 0
    this.timers = 0
    this.immediates = 0
    const hook = createHook({
      init(_, type) {
        if (type === 'PROMISE') promises++
      },
    })
    JSON.stringify = ((...args: Parameters<typeof stringify>) => {
      encodes++
      return stringify(...args)
    }) as typeof stringify
    Buffer.concat = (list, length) => {
      // The test runner joins buffers too: only frames count.
      if (list[0]?.[0] === TEXT_FRAME) joins++
      return concat(list, length)
    }
    hook.enable()
    try {
      operation()
    } finally {
      hook.disable()
    }
    const counted = promises
    await this.clock.settle()
    JSON.stringify = stringify
    Buffer.concat = concat
    return { promises: counted, timers: this.timers, immediates: this.immediates, encodes, joins }
  }
}

function send(session: Session, codec: Codec, event: string, payload: object): void {
  const message =
    codec === v2
      ? ['1', '1', 'room:1', event, payload]
      : { topic: 'room:1', event, payload, ref: '1', join_ref: '1' }
  session.receive(Buffer.from(JSON.stringify(message)), false)
}

/** A frame is read before the cost is counted: what the client sends is not the server's encode. */
function frameOf(event: string, payload: object): Buffer {
  return Buffer.from(JSON.stringify(['1', '1', 'room:1', event, payload]))
}

const writesOf = (clients: readonly Client[]): number[] => clients.map(({ wire }) => wire.writes.length)

test('a push to a sync handler and its reply cost no promise, no timer, one encode and one write', async () => {
  const stage = await new Stage().start()
  const [client] = (await stage.join(1)) as [Client]
  const frame = frameOf('echo', { n: 1 })
  const cost = await stage.cost(() => client.session.receive(frame, false))
  assert.deepEqual(cost, { promises: 0, timers: 0, immediates: 1, encodes: 1, joins: 0 })
  assert.deepEqual(writesOf([client]), [1])
})

test('16 pushes of one turn and their replies leave in one write', async () => {
  const stage = await new Stage().start()
  const [client] = (await stage.join(1)) as [Client]
  const frame = frameOf('echo', { n: 1 })
  const cost = await stage.cost(() => {
    for (let push = 0; push < 16; push++) client.session.receive(frame, false)
  })
  assert.deepEqual(cost, { promises: 0, timers: 0, immediates: 1, encodes: 16, joins: 1 })
  assert.deepEqual(writesOf([client]), [1])
})

test('a heartbeat costs no promise and no timer', async () => {
  const stage = await new Stage().start()
  const { session } = stage.connect()
  const frame = Buffer.from('[null,"1","phoenix","heartbeat",{}]')
  const cost = await stage.cost(() => session.receive(frame, false))
  assert.deepEqual(cost, { promises: 0, timers: 0, immediates: 1, encodes: 1, joins: 0 })
})

test('a broadcast to 1,000 subscribers is encoded once; each gets the same bytes in one write', async () => {
  const stage = await new Stage().start()
  const clients = await stage.join(1_000)
  const cost = await stage.cost(() => stage.endpoint.broadcast('room:1', 'shouted', { n: 1 }))
  assert.deepEqual(cost, { promises: 0, timers: 0, immediates: 1, encodes: 1, joins: 0 })
  assert.ok(
    clients.every(({ wire }) => wire.writes.length === 1 && wire.writes[0] === clients[0]?.wire.writes[0]),
  )
})

test('16 broadcasts of one turn are encoded 16 times, joined once, and written once to each of 1,000', async () => {
  const stage = await new Stage().start()
  const clients = await stage.join(1_000)
  const cost = await stage.cost(() => {
    for (let n = 0; n < 16; n++) stage.endpoint.broadcast('room:1', 'shouted', { n })
  })
  assert.deepEqual(cost, { promises: 0, timers: 0, immediates: 1, encodes: 16, joins: 1 })
  assert.ok(
    clients.every(({ wire }) => wire.writes.length === 1 && wire.writes[0] === clients[0]?.wire.writes[0]),
  )
})

test('subscribers of both versions, mixed, cost one encode and one join for each version', async () => {
  const stage = await new Stage().start()
  const clients: Client[] = []
  for (let pair = 0; pair < 50; pair++)
    clients.push(...(await stage.join(1, v1)), ...(await stage.join(1, v2)))
  const cost = await stage.cost(() => {
    for (let n = 0; n < 4; n++) stage.endpoint.broadcast('room:1', 'shouted', { n })
  })
  assert.deepEqual(cost, { promises: 0, timers: 0, immediates: 1, encodes: 8, joins: 2 })
  assert.equal(new Set(clients.map(({ wire }) => wire.writes[0])).size, 2)
})

test('a broadcast from a handler and its own frames leave in the turn of the push', async () => {
  const stage = await new Stage().start()
  const clients = await stage.join(10)
  const frame = frameOf('many', { times: 16 })
  const cost = await stage.cost(() => clients[0]?.session.receive(frame, false))
  assert.deepEqual(cost, { promises: 0, timers: 0, immediates: 1, encodes: 16, joins: 1 })
  assert.deepEqual(
    writesOf(clients),
    clients.map(() => 1),
  )
})

test('a join with a sync join callback costs no promise and no timer', async () => {
  const stage = await new Stage().start()
  const { session } = stage.connect()
  const frame = frameOf('phx_join', {})
  const cost = await stage.cost(() => session.receive(frame, false))
  assert.deepEqual(cost, { promises: 0, timers: 0, immediates: 1, encodes: 1, joins: 0 })
})

test('10,000 connections are watched by the timer that watched one', async () => {
  const stage = await new Stage().start()
  const before = stage.clock.pending
  for (let client = 0; client < 10_000; client++) stage.connect()
  assert.equal(stage.clock.pending, before)
  assert.ok(before <= 1, `${before} timers`)
})

test('an async handler costs a fixed number of promises, whatever waits behind it', async () => {
  const stage = await new Stage().start()
  const [client] = (await stage.join(1)) as [Client]
  const slow = frameOf('slow', {})
  const echo = frameOf('echo', { n: 1 })
  const alone = await stage.cost(() => client.session.receive(slow, false))
  const followed = await stage.cost(() => {
    client.session.receive(slow, false)
    for (let push = 0; push < 16; push++) client.session.receive(echo, false)
  })
  assert.equal(followed.promises, alone.promises)
  assert.ok(alone.promises <= 6, `${alone.promises} promises`)
})
