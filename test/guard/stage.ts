/**
 * A server without sockets whose operations can be counted: promises, timers, encodes and writes. Time stands still, and
 * wires note what is written to them.
 */
import { createHook } from 'node:async_hooks'
import type { Socket } from 'node:net'
import Fastify from 'fastify'
import { Type } from 'typebox'
import { WebSocket } from 'ws'
import { defineChannel } from '../../src/channel/define.ts'
import type { Clock } from '../../src/ground/clock.ts'
import { Endpoint } from '../../src/node/endpoint.ts'
import { resolveOptions } from '../../src/node/options.ts'
import type { Frame } from '../../src/protocol/frame.ts'
import type { Codec } from '../../src/protocol/message.ts'
import { v2 } from '../../src/protocol/v2.ts'
import type { Session } from '../../src/session/session.ts'
import type { Wire } from '../../src/session/wire.ts'
import { fakeClock } from '../../src/testing/fake-clock.ts'
import { DeflateWire } from '../../src/transport/websocket/deflate-wire.ts'
import type { Deflater } from '../../src/transport/websocket/deflater.ts'

export const room = defineChannel('room:*', {
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

/** The same with presence: who joins is there. */
const lounge = defineChannel('lounge:*', {
  schema: { in: {}, out: {}, presence: Type.Object({ n: Type.Number() }) },
  join: () => ({ assigns: {} }),
  joined(socket) {
    socket.presence.track(socket.id, { n: 1 })
  },
  in: {},
})

export class CountingWire implements Wire {
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
const COMPRESSED = 0x40

export interface Client {
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

export class Stage {
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
    const limits = { messages: false as const, channelsPerConnection: 10_000, joins: false as const }
    const options = { channels: [room, lounge], presence: true, limits, clock: counting }
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
    this.endpoint.presence?.start()
    return this
  }

  connect(codec: Codec = v2, wire = new CountingWire()): Client {
    return { session: this.#open(codec, wire), wire }
  }

  /** A client that agreed to compression, on a socket that notes what is written to it. */
  async joinCompressed(deflater: Deflater, codec: Codec = v2, topic = 'room:1'): Promise<Frame[]> {
    const writes = this.connectCompressed(deflater, codec, frameOf('phx_join', {}, { topic, codec }))
    await this.clock.settle()
    writes.length = 0
    return writes
  }

  /** The same, and what is written from its first message on. */
  connectCompressed(deflater: Deflater, codec: Codec, first: Buffer): Frame[] {
    const writes: Frame[] = []
    const socket = {
      writable: true,
      writableLength: 0,
      write: (bytes: Frame) => void writes.push(bytes),
      cork() {},
      uncork() {},
    }
    const ws = { readyState: WebSocket.OPEN } as WebSocket
    const wire = new DeflateWire(ws, socket as unknown as Socket, deflater, Number.POSITIVE_INFINITY)
    this.#open(codec, wire).receive(first, false)
    return writes
  }

  #open(codec: Codec, wire: Wire): Session {
    const id = this.endpoint.makeConnectionId()
    const connection = { id, assigns: {}, ip: '127.0.0.1', transport: 'test', connectedAt: 0 } as const
    const admission = {
      connection,
      codec,
      connectionTopic: undefined,
      expiresAt: undefined,
      renew: undefined,
    }
    return this.endpoint.sessions?.open(admission, wire, this.endpoint.terms) as Session
  }

  async join(count: number, codec: Codec = v2, topic = 'room:1'): Promise<Client[]> {
    const clients = Array.from({ length: count }, () => this.connect(codec))
    const frame = frameOf('phx_join', {}, { topic, codec })
    for (const { session } of clients) session.receive(frame, false)
    await this.clock.settle()
    for (const { wire } of clients) wire.writes.length = 0
    return clients
  }

  /** The cost of `operation` and of the end of its turn. */
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
      if (!isHead(args[0])) encodes++
      return stringify(...args)
    }) as typeof stringify
    Buffer.concat = (list, length) => {
      // The test runner joins buffers too: only frames count.
      if (((list[0]?.[0] ?? 0) & ~COMPRESSED) === TEXT_FRAME) joins++
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

/** The names in front of a payload that is text already are no encode of it. */
function isHead(value: unknown): boolean {
  return typeof value === 'string' || (Array.isArray(value) && value.length === 4)
}

/** A frame is made before the cost is counted: what the client sends is not the server's encode. */
export function frameOf(
  event: string,
  payload: object,
  { topic = 'room:1', codec = v2 }: { topic?: string; codec?: Codec } = {},
): Buffer {
  const ref = '1'
  const message =
    codec === v2 ? [ref, ref, topic, event, payload] : { topic, event, payload, ref, join_ref: ref }
  return Buffer.from(JSON.stringify(message))
}
