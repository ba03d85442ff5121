import type { TestContext } from 'node:test'
import Fastify, { type FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import type { LimitName, TelemetryEvents, TelemetryName } from '../../src/ground/telemetry.ts'
import { type BerylOptions, beryl, defineChannel, reject } from '../../src/index.ts'
import { connect, type FakeClock, fakeClock, type TestClient } from '../../src/testing/index.ts'

/** Promises of handlers that the test settles when it wants to. */
export class Gates {
  readonly #open: (() => void)[] = []

  wait = (): Promise<void> => new Promise((resolve) => void this.#open.push(resolve))

  get size(): number {
    return this.#open.length
  }

  /** Lets the first `count` go on. */
  open(count = this.#open.length): void {
    for (const go of this.#open.splice(0, count)) go()
  }
}

/** A channel that does what a test asks of it. */
export function makeRoom(gates = new Gates()) {
  return defineChannel('room:*', {
    schema: {
      join: Type.Object({ refuse: Type.Optional(Type.Boolean()), wait: Type.Optional(Type.Boolean()) }),
      in: {
        echo: { payload: Type.Object({ n: Type.Integer() }), reply: Type.Object({ n: Type.Integer() }) },
        say: Type.Object({ text: Type.Unknown() }),
        wait: { payload: Type.Object({}), reply: Type.Object({}) },
        track: {
          payload: Type.Object({ key: Type.String(), meta: Type.Optional(Type.Object({})) }),
          reply: Type.Object({ error: Type.Optional(Type.String()) }),
        },
      },
      out: { said: Type.Object({ text: Type.Unknown() }) },
      presence: Type.Object({}),
    },
    async join({ payload }) {
      if (payload.wait === true) await gates.wait()
      if (payload.refuse === true) return reject({ reason: 'no' })
      return { assigns: {} }
    },
    in: {
      echo: (payload) => payload,
      say: ({ text }, socket) => socket.broadcast('said', { text }),
      async wait() {
        await gates.wait()
        return {}
      },
      track({ key, meta = {} }, socket) {
        try {
          socket.presence.track(key, meta)
        } catch (error) {
          return { error: (error as { code: string }).code }
        }
        return {}
      },
    },
  })
}

export interface Stage {
  readonly app: FastifyInstance
  readonly clock: FakeClock
  readonly gates: Gates
  /** The limits that were reached, in order. */
  readonly reached: LimitName[]
}

/** A server whose time stands still. */
export async function stage(t: TestContext, options: BerylOptions = {}): Promise<Stage> {
  const clock = fakeClock()
  const gates = new Gates()
  const app = Fastify()
  t.after(() => close(app, clock))
  await app.register(beryl, { channels: [makeRoom(gates)], clock, ...options })
  const reached: LimitName[] = []
  app.channels.onTelemetry('limit.reached', (_, { limit }) => void reached.push(limit))
  return { app, clock, gates, reached }
}

/** Closes an instance whose clock must be moved for it to end. */
export async function close(app: FastifyInstance, clock: FakeClock): Promise<void> {
  let isClosed = false
  const closing = app.close().then(() => {
    isClosed = true
  })
  while (!isClosed) await clock.advance(1_000)
  await closing
}

/** Every event of one name, as it is reported. */
export function record<N extends TelemetryName>(app: FastifyInstance, name: N) {
  const events: (TelemetryEvents[N]['measurements'] & TelemetryEvents[N]['metadata'])[] = []
  app.channels.onTelemetry(name, (measurements, metadata) => {
    events.push({ ...measurements, ...metadata } as (typeof events)[0])
  })
  return events
}

/** The content of a reply. */
export interface Answer {
  readonly status: string
  readonly response: {
    readonly reason?: string
    readonly retry_after_ms?: number
    readonly [key: string]: unknown
  }
}

/** A client that sends what it likes: one line to each message, and the answer to each by its ref. */
export class Sender {
  readonly client: TestClient
  #refs = 0

  constructor(client: TestClient) {
    this.client = client
  }

  static async connect(app: FastifyInstance): Promise<Sender> {
    return new Sender(await connect(app))
  }

  /** Sends, with the topic for a join_ref, and gives the ref. */
  send(topic: string, event: string, payload: unknown = {}): string {
    const ref = String(++this.#refs)
    this.client.send({ joinRef: topic, ref, topic, event, payload })
    return ref
  }

  async ask(topic: string, event: string, payload: unknown = {}): Promise<Answer> {
    return this.answer(this.send(topic, event, payload))
  }

  async answer(ref: string): Promise<Answer> {
    const { payload } = await this.client.expectMessage({ event: 'phx_reply', ref })
    return payload as Answer
  }

  join(topic: string, payload: unknown = {}): Promise<Answer> {
    return this.ask(topic, 'phx_join', payload)
  }
}
