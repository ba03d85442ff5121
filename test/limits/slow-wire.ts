import type { FastifyInstance } from 'fastify'
import { type Frame, framePayload, splitFrames } from '../../src/protocol/frame.ts'
import type { Session } from '../../src/session/session.ts'
import type { Wire } from '../../src/session/wire.ts'
import {
  announceClient,
  CLIENT_KEY_HEADER,
  type InProcessConnection,
} from '../../src/transport/in-process.ts'

type Message = readonly [
  joinRef: string | null,
  ref: string | null,
  topic: string,
  event: string,
  payload: unknown,
]

/** A client that takes what is written to it only when the test lets it. */
export class SlowClient implements Wire {
  readonly #session: Session
  readonly #connection: InProcessConnection
  readonly #waiting: Frame[] = []
  readonly received: Message[] = []
  bufferedBytes = 0
  sentBytes = 0
  bytesRead = 0
  /** Takes all at once. */
  isReading = true
  isCut = false

  private constructor(connection: InProcessConnection) {
    this.#connection = connection
    this.#session = connection.open(this)
  }

  /** Connects as `connect` of the testing kit does, with this wire in the place of the kit's own. */
  static async connect(app: FastifyInstance): Promise<SlowClient> {
    await app.ready()
    let client: SlowClient | undefined
    const key = announceClient({
      admitted: (connection) => {
        client = new SlowClient(connection)
      },
    })
    const { statusCode } = await app.inject({
      url: '/socket/websocket?vsn=2.0.0',
      headers: { [CLIENT_KEY_HEADER]: key },
    })
    if (client === undefined) throw new Error(`refused with ${statusCode}`)
    return client
  }

  send(...message: Message): void {
    const data = Buffer.from(JSON.stringify(message))
    this.bytesRead += data.length
    this.#session.receive(data, false)
  }

  /** Takes so many bytes, or all. */
  take(bytes = this.bufferedBytes): void {
    const taken = Math.min(bytes, this.bufferedBytes)
    this.bufferedBytes -= taken
    this.sentBytes += taken
    if (this.bufferedBytes > 0) return
    for (const frame of this.#waiting.splice(0)) this.#read(frame)
  }

  events(): string[] {
    return this.received.map(([, , , event]) => event)
  }

  // Wire

  write(frames: Frame): void {
    if (this.isCut) return
    for (const frame of splitFrames(frames)) this.#waiting.push(frame)
    this.bufferedBytes += frames.length
    if (this.isReading) this.take()
  }

  close(): void {
    this.#gone()
  }

  terminate(): void {
    this.#gone()
  }

  pause(): void {}

  resume(): void {}

  #read(frame: Frame): void {
    this.received.push(JSON.parse(framePayload(frame).toString()))
  }

  #gone(): void {
    if (this.isCut) return
    this.isCut = true
    queueMicrotask(() => {
      this.#session.disconnected(1006)
      this.#connection.left()
    })
  }
}
