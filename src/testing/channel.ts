import type { ChannelDefinition } from '../channel/infer.ts'
import type { ClientMessage, ServerMessage } from '../client/codec.ts'
import type { PayloadArgument, Sent } from '../contract/schema.ts'
import { checkPattern, checkPayload, checkText } from './arguments.ts'
import { type Arrival, Arrivals, type Crash, type Wanted } from './arrivals.ts'
import { inspectShort } from './failure.ts'
import type { Patience } from './patience.ts'
import { matches, type Pattern } from './pattern.ts'
import { type PresenceMeta, type PresenceState, SyncedPresences } from './presences.ts'
import { TestPush } from './push.ts'
import type {
  EventReceived,
  EventSent,
  ExchangeOf,
  InfoPayloadSent,
  InfoSent,
  JoinOf,
  LooseChannel,
  MetaReceived,
  OkResponse,
  Received,
  SchemaOf,
} from './types.ts'

/** The client of a channel, as the channel sees it. */
export interface Line {
  readonly patience: Patience
  readonly arrivals: Arrivals<ServerMessage>
  readonly crashes: readonly Crash[]
  readonly isClosed: boolean
  /** True where the topic's channel takes the event and declares no reply to it. */
  isSilent(topic: string, event: string): boolean
  nextRef(): string
  send(message: ClientMessage): void
  /** Hands an info to the channel that the client has joined on a topic. */
  inform(topic: string, event: string, payload: unknown): void
  /** From now on the channel observes what comes for its topic. */
  attach(channel: Attached): void
  /** Hears what is broadcast on a topic, until the returned function is called or the client is gone. */
  listen(topic: string, listener: (broadcast: Arrival) => void): () => void
}

export interface Attached {
  readonly topic: string
  observe(message: ServerMessage): void
}

/** The client was not let into a topic. Its `cause` is the error of `join`, where that failed. */
export class JoinRefused extends Error {
  override readonly name = 'JoinRefused'
  readonly topic: string
  /** The answer of the channel, such as what it gave to `reject`. */
  readonly response: unknown

  constructor(topic: string, response: unknown, cause: unknown) {
    super(
      `the join of "${topic}" was refused: ${inspectShort(response)}`,
      cause === undefined ? {} : { cause },
    )
    this.topic = topic
    this.response = response
  }
}

/** One topic of one client. What a test expected is taken: to expect it again waits for another one. */
export class TestChannel<D extends ChannelDefinition = LooseChannel> {
  readonly topic: string
  readonly #line: Line
  readonly #broadcasts: Arrivals<Arrival>
  readonly #presences = new SyncedPresences()
  #joinRef: string | null = null
  #reply: unknown
  #hasEnded = false
  #unlisten: (() => void) | undefined

  constructor(line: Line, topic: string) {
    this.topic = topic
    this.#line = line
    this.#broadcasts = new Arrivals(line.patience, line.crashes)
  }

  /** The client's own name for its join; `null` before there is one. */
  get joinRef(): string | null {
    return this.#joinRef
  }

  /** The answer to the last join. */
  get reply(): OkResponse<JoinOf<D>> {
    return this.#reply as OkResponse<JoinOf<D>>
  }

  /**
   * Joins the topic, or joins it again. Messages may be pushed before this resolves.
   *
   * @throws {@link JoinRefused}
   */
  async join(...[payload]: PayloadArgument<Sent<JoinOf<D>>>): Promise<OkResponse<JoinOf<D>>> {
    checkPayload('join', payload)
    this.#joinRef = this.#line.nextRef()
    this.#hasEnded = false
    this.#line.attach(this)
    this.#unlisten ??= this.#line.listen(this.topic, (broadcast) => this.#broadcasts.put(broadcast))
    const { status, response } = await TestPush.settled(this.#send(this.#joinRef, 'phx_join', payload))
    if (status !== 'ok') throw this.#refused(response)
    this.#reply = response
    return this.reply
  }

  /** Sends an event. */
  push<E extends EventSent<D>>(
    event: E,
    ...[payload]: PayloadArgument<Sent<ExchangeOf<D, E>>>
  ): TestPush<ExchangeOf<D, E>> {
    checkText('push', 'event', event)
    checkPayload('push', payload)
    return this.#send(this.#line.nextRef(), event, payload)
  }

  /**
   * Hands an info to this client's channel alone, as the server does with `channels.info`. What its handler sends can be expected.
   *
   * @throws `BERYL_ERR_INFO_UNDECLARED`, `BERYL_ERR_PAYLOAD_INVALID`
   */
  info<E extends InfoSent<D>>(event: E, payload: InfoPayloadSent<D, E>): void {
    checkText('info', 'event', event)
    this.#line.inform(this.topic, event, payload)
  }

  /** Leaves the topic. Resolves when the server has confirmed it and closed the channel. */
  async leave(): Promise<void> {
    const isClosed = this.#wantedEnd('leave', 'phx_close')
    await this.#send(this.#line.nextRef(), 'phx_leave', undefined).expectReply('ok')
    await this.#line.arrivals.expect(isClosed)
  }

  // Received by this client: pushed to it alone, or broadcast

  /** Waits for an event and gives its payload. */
  async expectPush<E extends EventReceived<SchemaOf<D>>>(
    event: E,
    pattern?: Pattern<Received<SchemaOf<D>, E>>,
  ): Promise<Received<SchemaOf<D>, E>> {
    checkExpected('expectPush', event, pattern)
    const wanted = this.#wantedPush('expectPush', event, pattern)
    const { payload } = await this.#line.arrivals.expect({
      ...wanted,
      isHopeless: () => this.#hasEnded || this.#line.isClosed,
    })
    return payload as Received<SchemaOf<D>, E>
  }

  /** Lets all that is ready run and makes sure that no such event has come to this client. */
  async refutePush<E extends EventReceived<SchemaOf<D>>>(
    event: E,
    pattern?: Pattern<Received<SchemaOf<D>, E>>,
  ): Promise<void> {
    checkExpected('refutePush', event, pattern)
    return this.#line.arrivals.refute(this.#wantedPush('refutePush', event, pattern))
  }

  // Broadcast on the topic, from all nodes, whoever is passed by

  /** Waits for a broadcast on the topic and gives its payload, also where this client does not receive it. */
  async expectBroadcast<E extends EventReceived<SchemaOf<D>>>(
    event: E,
    pattern?: Pattern<Received<SchemaOf<D>, E>>,
  ): Promise<Received<SchemaOf<D>, E>> {
    checkExpected('expectBroadcast', event, pattern)
    const { payload } = await this.#broadcasts.expect(
      this.#wantedBroadcast('expectBroadcast', event, pattern),
    )
    return payload as Received<SchemaOf<D>, E>
  }

  /** Lets all that is ready run and makes sure that nobody has broadcast this. */
  async refuteBroadcast<E extends EventReceived<SchemaOf<D>>>(
    event: E,
    pattern?: Pattern<Received<SchemaOf<D>, E>>,
  ): Promise<void> {
    checkExpected('refuteBroadcast', event, pattern)
    return this.#broadcasts.refute(this.#wantedBroadcast('refuteBroadcast', event, pattern))
  }

  // The end

  /** Waits for the server to close the channel (`phx_close`): it was left, stopped or replaced. */
  async expectClose(): Promise<void> {
    await this.#line.arrivals.expect(this.#wantedEnd('expectClose', 'phx_close'))
  }

  /** Waits for the channel to crash (`phx_error`). Gives the error of the callback that failed. */
  async expectError(): Promise<unknown> {
    await this.#line.arrivals.expect(this.#wantedEnd('expectError', 'phx_error'))
    return this.#line.arrivals.crash(this.topic)
  }

  // Presence

  /** Presences, as this client has been told. */
  presences(): PresenceState<MetaReceived<SchemaOf<D>>> {
    return this.#presences.list() as PresenceState<MetaReceived<SchemaOf<D>>>
  }

  /** Waits until the client sees a presence of `key` that fits, and gives its meta. */
  async expectPresence(
    key: string,
    pattern?: Pattern<MetaReceived<SchemaOf<D>>>,
  ): Promise<PresenceMeta<MetaReceived<SchemaOf<D>>>> {
    checkText('expectPresence', 'key', key)
    checkPattern('expectPresence', pattern)
    const looks = pattern === undefined ? '' : ` ${inspectShort(pattern)}`
    return this.#line.patience.until(
      () => this.presences()[key]?.metas.find((meta) => matches(meta, pattern)),
      () => this.#line.isClosed,
      () => this.#presenceFailure('expectPresence', `expected a presence of "${key}"${looks}`, pattern),
    )
  }

  /** Waits until the client sees no presence of `key`. */
  async expectAbsence(key: string): Promise<void> {
    checkText('expectAbsence', 'key', key)
    await this.#line.patience.until(
      () => this.presences()[key] === undefined || undefined,
      () => this.#line.isClosed,
      () => this.#presenceFailure('expectAbsence', `expected no presence of "${key}"`, undefined),
    )
  }

  /** @internal */
  observe(message: ServerMessage): void {
    this.#presences.observe(message)
    if (this.#isEnd(message, 'phx_close') || this.#isEnd(message, 'phx_error')) this.#hasEnded = true
  }

  #send(ref: string, event: string, payload: unknown = {}): TestPush<never> {
    const { topic } = this
    this.#line.send({ joinRef: this.#joinRef, ref, topic, event, payload })
    const isHopeless = (): boolean => this.#hasEnded || this.#line.isClosed
    const isSilent = this.#line.isSilent(topic, event)
    return new TestPush<never>(this.#line.arrivals, { topic, event, ref, isSilent }, isHopeless)
  }

  #refused(response: unknown): JoinRefused {
    this.#unlisten?.()
    this.#unlisten = undefined
    return new JoinRefused(this.topic, response, this.#line.arrivals.crash(this.topic))
  }

  /** Version 1 names no join: there, whatever comes for the topic is ours. */
  #isOurs({ topic, joinRef }: ServerMessage): boolean {
    return topic === this.topic && (joinRef === null || joinRef === this.#joinRef)
  }

  #isEnd(message: ServerMessage, event: 'phx_close' | 'phx_error'): boolean {
    return message.event === event && this.#isOurs(message)
  }

  #wantedPush(operator: string, event: string, pattern: unknown): Wanted<ServerMessage> {
    const fits = (message: ServerMessage): boolean =>
      message.event === event && this.#isOurs(message) && matches(message.payload, pattern)
    return { ...this.#describe(operator, event, pattern), fits }
  }

  #wantedBroadcast(operator: string, event: string, pattern: unknown): Wanted<Arrival> {
    const fits = (arrival: Arrival): boolean => arrival.event === event && matches(arrival.payload, pattern)
    return { ...this.#describe(operator, event, pattern), fits }
  }

  #wantedEnd(operator: string, event: 'phx_close' | 'phx_error'): Wanted<ServerMessage> {
    const joinRef = this.#joinRef
    const fits = (message: ServerMessage): boolean =>
      message.event === event &&
      message.topic === this.topic &&
      (message.joinRef === null || message.joinRef === joinRef)
    const isHopeless = (): boolean => this.#line.isClosed
    return { ...this.#describe(operator, event, undefined), fits, isHopeless }
  }

  #describe(operator: string, event: string, pattern: unknown): Omit<Wanted<Arrival>, 'fits'> {
    const no = operator.startsWith('refute') ? 'no ' : ''
    const looks = pattern === undefined ? '' : ` ${inspectShort(pattern)}`
    const summary = `expected ${no}"${event}"${looks} on "${this.topic}"`
    return { operator, summary, topic: this.topic, expected: { event, payload: pattern } }
  }

  #presenceFailure(operator: string, summary: string, expected: unknown): Error {
    const actual = { topic: this.topic, event: 'presences', payload: this.presences() }
    const fits = (): boolean => false
    return this.#broadcasts.failure({ operator, summary, topic: this.topic, expected, fits }, actual)
  }
}

function checkExpected(call: string, event: unknown, pattern: unknown): void {
  checkText(call, 'event', event)
  checkPattern(call, pattern)
}
