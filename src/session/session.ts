import type { FastifyBaseLogger } from 'fastify'
import { answer, refuseMessage } from '../channel/answer.ts'
import type { TerminateReason } from '../channel/infer.ts'
import { JoiningTopic } from '../channel/joining.ts'
import type { JoinedTopic, Outlet } from '../channel/outlet.ts'
import { fitsName } from '../ground/name.ts'
import type { CloseCode } from '../ground/refusals.ts'
import type { LimitName } from '../ground/telemetry.ts'
import type { Frame } from '../protocol/frame.ts'
import { type Codec, MalformedFrame, type Message, type TopicMessage } from '../protocol/message.ts'
import type { Broadcast } from '../pubsub/broadcast.ts'
import type { Admission, Renew } from './admission.ts'
import { type BacklogLimit, BEHIND_BYTES, type SlowReader } from './backlog.ts'
import { decide, isHeartbeat } from './decide.ts'
import { Grant, type Grantee } from './grant.ts'
import { Holder } from './holder.ts'
import { Meter } from './meter.ts'
import { Outbox } from './outbox.ts'
import type { SessionRuntime } from './runtime.ts'
import type { Sent, Wire } from './wire.ts'

/**
 * One connected client: decodes what it sends, decides what that means, holds its channels, and sends what they say. A
 * temporary process: its channels end with it.
 */
export class Session extends Holder<SessionRuntime<Session>> implements Outlet, SlowReader, Grantee {
  readonly codec: Codec
  readonly connectionTopic: string | undefined
  readonly #outbox: Outbox
  /** Absent where nothing counts any more that the client sent. */
  #counted: Meter | undefined
  /** The server goes: nothing more is taken, and what is at work is finished. */
  #isDraining = false
  #isGone = false
  readonly #renew: Renew | undefined
  #grant: Grant | undefined

  constructor(runtime: SessionRuntime<Session>, admission: Admission, wire: Wire) {
    super(runtime, admission.connection, wire)
    this.codec = admission.codec
    this.connectionTopic = admission.connectionTopic
    this.#outbox = new Outbox(this, runtime)
    this.#renew = admission.renew
    if (admission.expiresAt !== undefined) this.#makeGrant(admission.expiresAt)
  }

  get log(): FastifyBaseLogger {
    return this.runtime.host.log.child({ connectionId: this.id })
  }

  /** Hands an info to this client's channel on its topic, also where the join of that is being decided. */
  inform(info: Broadcast): void {
    this.held(info.topic)?.inform(info)
  }

  /** The server ends this client's channel on a topic, or the join that is being decided. */
  dismiss(topic: string, reason: string | undefined): void {
    this.#guarded(() => this.held(topic)?.dismiss(reason))
  }

  /** Takes one WebSocket message. Never throws. */
  receive(data: Buffer, isBinary: boolean): void {
    if (!this.isOpen || this.#isDraining) return
    let message: Message
    try {
      message = this.codec.decode(data, isBinary, this.runtime.parse)
    } catch (error) {
      return this.#malformed(data.length, error)
    }
    try {
      if (this.#mayPass(message, data.length)) this.#route(message)
    } catch (error) {
      this.broke(error)
    }
  }

  /**
   * Closes the connection behind what was sent, and ends its channels for `reason`.
   *
   * @param text What the client is told: nothing where Phoenix says nothing.
   */
  close(code: CloseCode, text: string, reason: TerminateReason): void {
    if (!this.isOpen) return
    this.#end(reason)
    this.#outbox.flush()
    this.wire.close(code, text)
    this.runtime.closed(this, code, text === '' && reason.kind === 'shutdown' ? reason.reason : text)
  }

  /**
   * Lets what is at work finish, for `graceMs` at the most, then closes as {@link close} does. Nothing more is taken; the
   * client is read nevertheless, for it may go first.
   */
  async drain(code: CloseCode, text: string, reason: TerminateReason, graceMs: number): Promise<void> {
    this.#isDraining = true
    for (const topic of this.allHeld) topic.shutdown(reason)
    this.release()
    await this.callbacksSettled(graceMs)
    this.close(code, text, reason)
  }

  /** The connection is gone. */
  disconnected(code: number): void {
    if (this.isOpen) {
      this.#end({ kind: 'closed', code })
      this.runtime.closed(this, code, '')
    }
    this.#isGone = true
    this.runtime.backlog.delete(this)
    this.runtime.gone(this)
  }

  get isGone(): boolean {
    return this.#isGone
  }

  // The time for which the client was let in

  /** Tells the client that its time ends soon, and closes the connection when it is over. */
  checkGrant(date: number): void {
    this.#grant?.look(date)
  }

  expired(): void {
    this.close(1001, 'expired', { kind: 'shutdown', reason: 'disconnect' })
  }

  /** Made on first use: most clients are let in for good, and ask for nothing. */
  #makeGrant(expiresAt?: number): Grant {
    this.#grant ??= new Grant(this, this.#renew, expiresAt, this.runtime.clock)
    return this.#grant
  }

  /** The client was silent for too long. */
  idle(): void {
    this.limitReached('heartbeat.timeoutMs')
    this.close(1001, 'idle timeout', { kind: 'idle' })
  }

  #end(reason: TerminateReason): void {
    this.isOpen = false
    // A paused socket would not hear the client's answer to the close.
    this.release()
    for (const topic of this.letGo()) this.#guarded(() => topic.close(reason))
  }

  #malformed(bytes: number, error: unknown): void {
    const reason = error instanceof MalformedFrame ? error.message : 'not readable'
    this.runtime.telemetry.emit('connection.malformed', { bytes }, { connectionId: this.id, reason })
    this.close(1007, reason, { kind: 'closed', code: 1007 })
  }

  /** The one way in for what goes on behind a promise: see {@link broke}. */
  #guarded(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.broke(error)
    }
  }

  /** A fault of the library's own ends this session, and no other. */
  broke(error: unknown): void {
    this.runtime.telemetry.emit('connection.crash', {}, { connectionId: this.id, error })
    this.close(1011, '', { kind: 'crashed', error })
  }

  // Limits

  get #meter(): Meter {
    this.#counted ??= new Meter(this.runtime.rates, this.runtime.lateness)
    return this.#counted
  }

  /** Lets go what is made anew for a client that sends something. Done now and then. */
  rest(): void {
    if (this.#counted?.isAtRest(this.runtime.clock.now())) this.#counted = undefined
  }

  #mayPass(message: Message, bytes: number): boolean {
    // The first leave of what was joined costs nothing: it ends what a join made, and joins are counted.
    if (message.event === 'phx_leave' && this.isFirstLeave(message)) return true
    const now = this.runtime.clock.now()
    const waitMs = isHeartbeat(message) ? this.#meter.heartbeat(now, bytes) : this.#meter.message(now, bytes)
    return waitMs === 0 || this.#tooOften(message, waitMs, now, this.#meter.limit)
  }

  /** Always false. A client that goes on and on is closed; one that makes a pause is told how long. */
  #tooOften(message: Message, waitMs: number, now: number, limit: LimitName): false {
    this.limitReached(limit)
    if (this.#meter.isFlooding(now)) {
      this.close(1008, 'rate limit', { kind: 'closed', code: 1008 })
    } else if (message.ref !== null) {
      refuseMessage(this, message.joinRef, message, { reason: 'rate_limited', retry_after_ms: waitMs })
    }
    return false
  }

  /** True where the client is so far behind that it should be spared what can be told later in one piece. */
  get isBehind(): boolean {
    return this.wire.bufferedBytes > BEHIND_BYTES
  }

  get unsentBytes(): number {
    return this.#outbox.unsentBytes
  }

  cut(limit: BacklogLimit): void {
    this.#isGone = true
    this.limitReached(`backpressure.${limit}`)
    this.wire.terminate()
  }

  // The reaction to a message: one row for each situation of `decide`

  #route(message: Message): void {
    const held = this.held(message.topic)
    const joined = held?.isJoining ? undefined : held
    switch (decide(message, held)) {
      case 'heartbeat':
        return answer(this, null, message, 'ok', {})
      case 'renew':
        return this.#makeGrant().renew(message)
      case 'push':
        return joined && this.#push(message, joined)
      case 'wait':
      case 'leave':
        return held?.receive(message)
      case 'join':
        return this.#join(message)
      case 'duplicate_join':
        return this.#join(message, joined)
      case 'leave_unjoined':
        return answer(this, message.joinRef, message, 'ok', {})
      case 'reserved_event':
        return refuseMessage(this, message.joinRef ?? held?.joinRef, message, { reason: 'reserved_event' })
      case 'unmatched':
        return this.#unmatched(message)
      case 'stale':
        return
      case 'malformed':
        return this.#malformed(0, new MalformedFrame('a topic that is no string'))
    }
  }

  #push(message: Message, channel: JoinedTopic): void {
    if (this.runtime.received.isHeard) this.received(message)
    const now = this.runtime.rates.channelMessages === undefined ? 0 : this.runtime.clock.now()
    const waitMs = this.#meter.channelMessage(now, channel.topic)
    if (waitMs > 0) this.#tooOften(message, waitMs, now, 'limits.channelMessages')
    else channel.receive(message)
  }

  #join(message: Message, old?: JoinedTopic): void {
    const { router, channelsPerConnection, topicBytes } = this.runtime
    if (!namesTopic(message, topicBytes)) {
      return refuseMessage(this, message.joinRef, message, { reason: 'topic_too_long' })
    }
    const definition = router.match(message.topic)
    if (definition === undefined) return this.#unmatched(message)
    const now = this.runtime.clock.now()
    const waitMs = this.#meter.join(now)
    if (waitMs > 0) return void this.#tooOften(message, waitMs, now, 'limits.joins')
    // A rejoin takes the place of the channel that it replaces.
    if (old === undefined && this.channelCount >= channelsPerConnection) {
      return refuseMessage(this, message.joinRef, message, { reason: 'too many channels joined' })
    }
    const predecessor = old?.supersede()
    if (predecessor !== undefined && this.#isOvertaken(message.topic))
      return this.#joinAgain(message, predecessor)
    const pending = new JoiningTopic(this.runtime, this, definition, message, predecessor)
    pending.askedAt = now
    this.hold(pending)
    pending.begin()
  }

  /** `terminate` of the old channel may have ended the connection, or let another message in that took the topic. */
  #isOvertaken(topic: string): boolean {
    return !this.isOpen || this.held(topic) !== undefined
  }

  #joinAgain(message: Message, predecessor: Frame): void {
    this.send(predecessor)
    this.redeliver([message])
  }

  #unmatched(message: Message): void {
    refuseMessage(this, null, message, { reason: 'unmatched topic' })
  }

  // Outlet: what the channels of this session ask of it

  send(frame: Sent): void {
    if (this.isOpen) this.#outbox.send(frame)
  }

  redeliver(messages: readonly Message[]): void {
    this.#guarded(() => {
      for (const message of messages) if (this.isOpen) this.#route(message)
    })
  }

  ended(channel: JoinedTopic, { kind }: TerminateReason): void {
    this.#counted?.forget(channel.topic, this.runtime.clock.now())
    this.forget(channel)
    this.channelEnded(channel.topic, kind)
  }
}

function namesTopic(message: Message, maxBytes: number): message is TopicMessage {
  return typeof message.topic === 'string' && fitsName(message.topic, maxBytes)
}
