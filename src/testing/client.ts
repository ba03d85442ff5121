import { isUint8Array } from 'node:util/types'
import type { Connection } from '../channel/connection.ts'
import type { CompiledEvent } from '../channel/definition.ts'
import type { ChannelDefinition } from '../channel/infer.ts'
import type { ClientCodec, ClientMessage, ServerMessage } from '../client/codec.ts'
import type { PayloadArgument, Sent } from '../contract/schema.ts'
import type { TopicOf } from '../contract/topic.ts'
import { readFields, refuseArgument } from '../ground/argument.ts'
import { Channels } from '../node/channels.ts'
import { whyUncarried } from '../protocol/carried.ts'
import { type Frame, framePayload, isBinaryFrame } from '../protocol/frame.ts'
import type { InProcessConnection } from '../transport/in-process.ts'
import { checkPattern, checkPayload, checkText, checkWhole } from './arguments.ts'
import { type Arrival, Arrivals, type Crash, type Wanted } from './arrivals.ts'
import { type Attached, type Line, TestChannel } from './channel.ts'
import { inspectShort } from './failure.ts'
import { type Closed, MemoryWire, type WireListener } from './memory-wire.ts'
import { Patience } from './patience.ts'
import { matches, type Pattern } from './pattern.ts'
import { TestPush } from './push.ts'
import type { ChannelAt, JoinOf } from './types.ts'

/** One connected client. */
export class TestClient {
  /** Everything that ever came, in order. */
  readonly received: ServerMessage[] = []
  /** The same as WebSocket frames, write by write. */
  readonly writes: (readonly Frame[])[] = []
  /** The callbacks of the application that failed for this client. */
  readonly crashes: Crash[] = []
  readonly #server: Channels
  readonly #codec: ClientCodec
  readonly #patience: Patience
  readonly #arrivals: Arrivals<ServerMessage>
  readonly #wire: MemoryWire
  readonly #channels = new Map<string, Set<Attached>>()
  readonly #cleanups: (() => void)[] = []
  #refs = 0
  #closed: Closed | undefined

  /** @internal Made by `connect`. */
  constructor(channels: Channels, codec: ClientCodec, connection: InProcessConnection, timeoutMs: number) {
    this.#server = channels
    this.#codec = codec
    this.#patience = new Patience(connection.clock, timeoutMs)
    this.#arrivals = new Arrivals(this.#patience, this.crashes)
    this.#wire = new MemoryWire(connection, this.#listener())
    this.#recordCrashes()
  }

  /** The connection as the server knows it, with the assigns of `connect`, or of the last renewal. */
  get connection(): Connection {
    return this.#wire.connection
  }

  /** The id of the connection. */
  get id(): string {
    return this.connection.id
  }

  /** The end of the connection; `undefined` while it is open. */
  get closed(): Closed | undefined {
    return this.#closed
  }

  // Channels

  // The compiler speaks of the last overload: the strict one.

  /** A topic that is not joined yet. Typed by the definition, or by `RegisteredChannels`. */
  channel<T extends string>(topic: T): TestChannel<ChannelAt<T>>
  channel<D extends ChannelDefinition>(definition: D, topic: TopicOf<D['pattern']>): TestChannel<D>
  channel(...args: readonly unknown[]): TestChannel {
    const topic = typeof args[0] === 'string' ? args[0] : args[1]
    checkText('channel', 'topic', topic)
    return new TestChannel(this.#line(), topic)
  }

  /**
   * Joins a topic. Typed by the definition, or by `RegisteredChannels`. What was answered is the `reply` of the channel.
   *
   * @throws `JoinRefused`
   */
  join<T extends string>(topic: T, payload?: unknown): Promise<TestChannel<ChannelAt<T>>>
  join<D extends ChannelDefinition>(
    definition: D,
    topic: TopicOf<D['pattern']>,
    ...payload: PayloadArgument<Sent<JoinOf<D>>>
  ): Promise<TestChannel<D>>
  async join(...args: readonly unknown[]): Promise<TestChannel> {
    const [topic, payload] = (typeof args[0] === 'string' ? args : args.slice(1)) as [string, unknown]
    checkText('join', 'topic', topic)
    const channel = new TestChannel(this.#line(), topic)
    await channel.join(payload)
    return channel
  }

  // Messages

  /** Sends a heartbeat and waits for its reply. */
  async heartbeat(): Promise<void> {
    await this.#sendToServer('heartbeat', {}).expectReply('ok')
  }

  /** Shows the server a new token: the reply is that of the option `renew`. */
  renew(token: string): TestPush {
    checkText('renew', 'token', token)
    return this.#sendToServer('renew', { token })
  }

  #sendToServer(event: string, payload: object): TestPush {
    const message = { topic: 'phoenix', event, ref: this.#nextRef() }
    this.send({ joinRef: null, payload, ...message })
    return new TestPush(this.#arrivals, { ...message, isSilent: false }, () => this.#closed !== undefined)
  }

  /** Sends a message as it is: any refs, any topic. */
  send(message: ClientMessage): void {
    this.sendRaw(this.#codec.encode(checkMessage(message)))
  }

  /** Sends the content of one WebSocket message, a text if not said otherwise. */
  sendRaw(data: string | Uint8Array, isBinary = typeof data !== 'string'): void {
    if (typeof data !== 'string' && !isUint8Array(data))
      refuseArgument('sendRaw', 'data', 'a string or bytes', data)
    if (typeof isBinary !== 'boolean') refuseArgument('sendRaw', 'isBinary', 'a boolean', isBinary)
    this.#wire.send(Buffer.from(data as Uint8Array), isBinary)
  }

  /** Waits for a message that looks like this, whatever its topic. */
  async expectMessage(pattern: Pattern<ServerMessage>): Promise<ServerMessage> {
    checkPattern('expectMessage', pattern)
    return this.#arrivals.expect({
      ...this.#wantedMessage('expectMessage', `expected a message ${inspectShort(pattern)}`, pattern),
      isHopeless: () => this.#closed !== undefined,
    })
  }

  /** Lets all that is ready run and makes sure that no message looks like this. */
  async refuteMessage(pattern: Pattern<ServerMessage>): Promise<void> {
    checkPattern('refuteMessage', pattern)
    return this.#arrivals.refute(
      this.#wantedMessage('refuteMessage', `expected no message ${inspectShort(pattern)}`, pattern),
    )
  }

  /** Lets everything that is ready run: promises, immediates, frames. */
  settle(): Promise<void> {
    return this.#patience.settle()
  }

  // The end

  /** Closes the connection as a client does. Resolves when the server has taken note. @param code @default 1000 */
  async close(code = 1000): Promise<void> {
    checkWhole('close', 'code', code, 1000, 4999)
    this.#wire.leave(code)
    await this.settle()
  }

  /** Breaks the connection, as a lost network does. */
  drop(): Promise<void> {
    return this.close(1006)
  }

  /** Waits for the connection to be closed, with this code where one is given. */
  async expectClosed(code?: number): Promise<Closed> {
    if (code !== undefined) checkWhole('expectClosed', 'code', code, 1000, 4999)
    const summary = `expected the connection to be closed${code === undefined ? '' : ` with ${code}`}`
    const wanted = this.#wantedMessage('expectClosed', summary, undefined)
    const closed = await this.#patience.until(
      () => this.#closed,
      () => false,
      () => this.#arrivals.failure(wanted),
    )
    if (code === undefined || closed.code === code) return closed
    throw this.#arrivals.failure(wanted, { ...NOWHERE, event: 'closed', payload: closed })
  }

  #wantedMessage(operator: string, summary: string, pattern: unknown): Wanted<ServerMessage> {
    return { operator, summary, topic: '', expected: pattern, fits: (message) => matches(message, pattern) }
  }

  #listener(): WireListener {
    return {
      written: (frames) => this.#written(frames),
      closed: (closed) => {
        this.#closed = closed
        this.#patience.wake()
        // Broadcasts of its channels while they end are still heard.
        void this.settle().then(() => {
          for (const cleanup of this.#cleanups) cleanup()
        })
      },
    }
  }

  #written(frames: readonly Frame[]): void {
    this.writes.push(frames)
    for (const frame of frames) {
      const message = this.#codec.decode(contentOf(frame))
      this.received.push(message)
      for (const channel of this.#channels.get(message.topic) ?? []) channel.observe(message)
      this.#arrivals.put(message)
    }
  }

  #recordCrashes(): void {
    const record = (topic: string, event: string, error: unknown): void => {
      this.crashes.push({ topic, event, error })
    }
    this.#cleanups.push(
      this.#server.onTelemetry('channel.crash', (_, { connectionId, topic, event, error }) => {
        if (connectionId === this.id) record(topic, event, error)
      }),
      this.#server.onTelemetry('channel.join', (_, { connectionId, topic, outcome, error }) => {
        if (connectionId === this.id && outcome === 'crashed') record(topic, 'join', error)
      }),
    )
  }

  #nextRef(): string {
    return String(++this.#refs)
  }

  #listen(topic: string, listener: (broadcast: Arrival) => void): () => void {
    const end = this.#server.subscribe(topic, listener)
    this.#cleanups.push(end)
    return end
  }

  #attach(channel: Attached): void {
    const others = this.#channels.get(channel.topic) ?? new Set()
    this.#channels.set(channel.topic, others.add(channel))
  }

  #line(): Line {
    const isClosed = (): boolean => this.#closed !== undefined
    return {
      patience: this.#patience,
      arrivals: this.#arrivals,
      crashes: this.crashes,
      get isClosed() {
        return isClosed()
      },
      nextRef: () => this.#nextRef(),
      send: (message) => this.send(message),
      attach: (channel) => this.#attach(channel),
      inform: (topic, event, payload) =>
        Channels.inform(this.#server, { topic, connectionId: this.id }, event, payload),
      listen: (topic, listener) => this.#listen(topic, listener),
      isSilent: (topic, event) => {
        const owners = Channels.contracts(this.#server, topic)
        return owners.length > 0 && owners.every((owner) => isSilent(owner.in.get(event)))
      },
    }
  }
}

function isSilent(event: CompiledEvent | undefined): boolean {
  return event !== undefined && event.reply === undefined
}

/** Any refs and any topic, as long as the codec can write them. */
function checkMessage(message: unknown): ClientMessage {
  const fields = readFields(message) ?? refuseArgument('send', 'message', 'an object', message)
  const { payload, ...head } = fields
  checkPayload('send', payload)
  for (const [name, value] of Object.entries(head)) {
    const isText = typeof value === 'string' || ((name === 'ref' || name === 'joinRef') && value == null)
    const fits = isUint8Array(payload) ? isText : value === undefined || whyUncarried(value) === undefined
    if (!fits) refuseArgument('send', name, 'what the message can carry', value)
  }
  return isMessage(fields) ? fields : refuseArgument('send', 'message', 'a topic and an event', message)
}

function isMessage(fields: object): fields is ClientMessage {
  return 'topic' in fields && 'event' in fields
}

const NOWHERE = { joinRef: null, ref: null, topic: '' }

/** The content of a frame, as a client's WebSocket gives it. */
function contentOf(frame: Frame): string | Uint8Array {
  const payload = framePayload(frame)
  return isBinaryFrame(frame) ? payload : payload.toString()
}
