import type { ReplyReason } from '../ground/errors.ts'
import { promised, settled } from '../ground/foreign.ts'
import { unwritable } from '../protocol/carried.ts'
import type { Frame } from '../protocol/frame.ts'
import type { JsonText, Message, Ref, TopicMessage } from '../protocol/message.ts'
import { Broadcast } from '../pubsub/broadcast.ts'
import { answer, answerFrame, refuseMessage } from './answer.ts'
import { ChannelSocket, type SocketHost } from './context.ts'
import type { CompiledChannel, CompiledEvent } from './definition.ts'
import { type Ending, endingOf, lastFrame, terminate } from './ending.ts'
import type { Fed, Feed } from './feed.ts'
import { type Held, hold, NOTHING, OVERFLOWED } from './gate.ts'
import type { TerminateReason } from './infer.ts'
import {
  askForSnapshot,
  blame,
  checkOut,
  type DueReply,
  interpretReply,
  type ReplyVerdict,
  type SnapshotVerdict,
} from './interpret.ts'
import type { ChannelRuntime, JoinedTopic, Outlet } from './outlet.ts'
import { PresenceFeed } from './presence-feed.ts'
import type { StopReason } from './result.ts'
import { type Misfit, refusedBecause } from './schema.ts'
import { Turns } from './turns.ts'

/**
 * One joined topic of one client: a process with a serial mailbox, temporary, held by its session.
 *
 *     joined ──left, stopped, crashed, closed──▶ terminating ──▶ ended
 *
 * It begins behind a closed gate: it is subscribed, and its client has not been told. What is broadcast meanwhile is held,
 * in order, and delivered behind the answer to the join and the turn of `joined`; where there is a `snapshot`, before that.
 * One that has a `snapshot` and ends before its client was told has never been: it goes without `terminate`.
 */
export class ChannelProcess extends Turns implements JoinedTopic, SocketHost, Fed {
  readonly isJoining = false
  readonly topic: string
  readonly joinRef: Ref
  readonly definition: CompiledChannel
  slot = -1
  /** The join_ref of pushes and replies: where it is null, Phoenix puts the ref of the join in its place. */
  readonly #wireRef: Ref
  readonly #socket: ChannelSocket
  /** What came while the gate is closed; `undefined` when it is open. */
  #held: Held | undefined = NOTHING
  /** Its client knows that it is joined. */
  #isTold = false
  /** Most channels have none, and pay one check. */
  readonly #feed: Feed | undefined

  constructor(
    runtime: ChannelRuntime,
    outlet: Outlet,
    definition: CompiledChannel,
    join: TopicMessage,
    assigns: unknown,
  ) {
    super(runtime, outlet)
    this.topic = join.topic
    this.joinRef = join.joinRef
    this.definition = definition
    this.#wireRef = join.joinRef ?? join.ref
    this.#feed = definition.presence && new PresenceFeed(runtime.presence, this)
    this.#socket = new ChannelSocket(this, assigns)
    this.isBusy = true
  }

  /** Asks for the reply to the join. */
  snapshot(): SnapshotVerdict | Promise<SnapshotVerdict> {
    return askForSnapshot(this.definition, this.#socket, { recovered: false })
  }

  /** The reply to the join is on its way. */
  joined(): void {
    this.#isTold = true
    // Nothing can have been missed, and what `joined` broadcasts is heard in its order.
    if (this.#held === NOTHING) this.#held = undefined
    if (this.state !== 'joined') return
    this.isBusy = false
    if (this.definition.snapshot !== undefined) this.#openGate()
    // It may have been stopped by its `snapshot`.
    if (this.ending === undefined) this.#begin(this.definition.joined)
    this.#openGate()
    this.drain()
  }

  #begin(joined: CompiledChannel['joined']): void {
    if (joined === undefined) return this.#feed?.begin()
    // The state is to have what it tracks.
    this.turn(
      'joined',
      () => joined(this.#socket),
      () => this.#feed?.begin(),
    )
  }

  deliver(broadcast: Broadcast): void {
    if (this.#feed?.takes(broadcast) === false) return
    if (this.#held !== undefined) return this.#hold(this.#held, broadcast)
    if (this.definition.intercept.has(broadcast.event)) return this.rewriteLater(broadcast)
    this.#send(broadcast)
  }

  #send(broadcast: Broadcast): void {
    const frame = broadcast.frame(this.outlet.codec)
    if (frame === null) broadcast.skipped++
    else this.outlet.send(frame)
  }

  // The gate

  /** True where more came than may wait for it: nobody was told of the channel, and it never begins. */
  get isOverloaded(): boolean {
    return this.#held === OVERFLOWED
  }

  #hold(held: Held, broadcast: Broadcast): void {
    if (held === OVERFLOWED) return
    // Encoded now, for what is no JSON is the broadcaster's fault.
    if (this.definition.intercept.has(broadcast.event)) broadcast.keep()
    else if (broadcast.frame(this.outlet.codec) === null) return void broadcast.skipped++
    this.#held = hold(held, broadcast, this.runtime.mailboxLimit)
  }

  #openGate(): void {
    const held = this.#held ?? NOTHING
    this.#held = undefined
    for (const one of held) {
      if (this.state !== 'joined') return
      if (one instanceof Broadcast) this.deliver(one)
      else this.outlet.send(one)
    }
  }

  caughtUp(): void {
    this.#feed?.caughtUp()
  }

  shutdown(reason: TerminateReason): void {
    this.ending ??= { reason, last: undefined }
    this.drain()
  }

  close(reason: TerminateReason): void {
    this.end({ reason, last: undefined })
  }

  supersede(): Frame {
    this.end({ reason: { kind: 'shutdown', reason: 'duplicate_join' }, last: undefined })
    return lastFrame(this.outlet, this, 'phx_close')
  }

  // Messages

  /** A leave is never refused, and one waits already. */
  protected refuseToWait(message: Message): void {
    if (message.event === 'phx_leave') answer(this.outlet, this.#wireRef, message, 'ok', {})
    else this.#refuse(message, { reason: 'overloaded' })
  }

  /** The hot path: a handler that returns no promise is called, interpreted and answered without a closure. */
  protected handle(message: Message): void {
    if (message.event === 'phx_leave') return this.leave(message)
    const event = this.definition.in.get(message.event)
    if (event === undefined) return this.#refuse(message, { reason: 'unknown_event' })
    const misfit = refusedBecause(event.payload, message.payload)
    // A check is code of the application, which may have ended the channel.
    if (this.state !== 'joined') return this.outlet.redeliver([message])
    if (misfit !== undefined) return this.#refuseMisfit(message, event, misfit)
    this.isBusy = true
    const startedAt = this.outlet.measuring()
    let result: unknown
    try {
      result = event.handle(message.payload, this.#socket)
    } catch (error) {
      return this.crash(event.name, error)
    }
    const pending = promised(result)
    if (pending !== undefined) return this.#handleLater(message, event, pending, startedAt)
    if (startedAt !== undefined) this.outlet.handled(this.topic, event.name, startedAt)
    this.#answer(message, event, result)
    this.isBusy = false
  }

  #handleLater(
    message: Message,
    event: CompiledEvent,
    result: Promise<unknown>,
    startedAt: number | undefined,
  ): void {
    this.await(event.name, result, (settled) => {
      if (startedAt !== undefined) this.outlet.handled(this.topic, event.name, startedAt)
      this.#answer(message, event, settled)
      this.isBusy = false
      this.drain()
    })
  }

  #answer(message: Message, event: CompiledEvent, result: unknown): void {
    // By far the most common: an event without a reply.
    if (result === undefined && event.reply === undefined) return
    this.#obey(message, event, interpretReply(this.definition, event, result))
  }

  #obey(message: Message, event: CompiledEvent, verdict: ReplyVerdict): void {
    const { name } = event
    // Also where the channel has ended meanwhile: somebody must take what it rejects with.
    if (verdict.kind === 'later')
      return this.await(name, settled(verdict.promise), (result) => this.#answer(message, event, result))
    if (this.state !== 'joined') return
    switch (verdict.kind) {
      case 'none':
        return
      case 'reply':
        return this.#reply(message, event, verdict)
      case 'stop':
        this.#obey(message, event, verdict.reply)
        return this.requestStop(verdict.reason)
      case 'crashed':
        return this.crash(name, verdict.error)
      default:
        verdict satisfies never
    }
  }

  /** A response that cannot be written as JSON is the handler's fault. */
  #reply(message: Message, { name }: CompiledEvent, { status, response }: DueReply): void {
    try {
      const frame = answerFrame(this.outlet.codec, this.#wireRef, message, status, response)
      // Nothing follows the last frame, though a `toJSON` ended the channel.
      if (frame !== undefined && this.state === 'joined') this.outlet.send(frame)
    } catch (error) {
      this.crash(name, error)
    }
  }

  protected leave(message: Message): void {
    answer(this.outlet, this.#wireRef, message, 'ok', {})
    this.end({ reason: { kind: 'left' }, last: 'phx_close' })
  }

  #refuseMisfit(message: Message, { name }: CompiledEvent, { issues, thrown }: Misfit): void {
    if (thrown !== undefined) this.outlet.checkFailed(this.topic, name, thrown.error)
    this.#refuse(message, { reason: 'invalid_payload', errors: issues })
  }

  #refuse(message: Message, response: { reason: ReplyReason; errors?: unknown }): void {
    refuseMessage(this.outlet, this.#wireRef, message, response)
  }

  // Broadcasts that are rewritten

  protected rewrite(broadcast: Broadcast): void {
    const { event } = broadcast
    const rewrite = this.definition.intercept.get(event)
    this.turn(
      event,
      () => rewrite?.(broadcast.onWire(), this.#socket),
      (rewritten) => {
        if (rewritten !== undefined) this.push(event, rewritten)
      },
    )
  }

  // The end

  protected crash(event: string, error: unknown): void {
    const blamed = blame(this.definition, event, error)
    this.outlet.crashed(this.topic, event, blamed)
    this.end({ reason: { kind: 'crashed', error: blamed }, last: 'phx_error' })
  }

  /** The topic is free at once: a new join does not wait for `terminate`. */
  protected end(ending: Ending): void {
    if (this.state !== 'joined') return
    this.state = 'terminating'
    if (this.#held !== undefined) this.#held = NOTHING
    this.ending = ending
    const wasJoined = this.#isTold || this.definition.snapshot === undefined
    if (wasJoined) this.outlet.ended(this, ending.reason)
    this.runtime.pubsub.unsubscribe(this.topic, this)
    this.runtime.presence.end(this.#socket)
    if (!wasJoined) return this.#vanish(ending.reason)
    terminate(this, { socket: this.#socket, reason: ending.reason }, () => this.#terminated(ending))
    const waiting = this.takeWaiting(ending.reason.kind === 'left')
    if (waiting !== undefined) this.outlet.redeliver(waiting)
  }

  /** Its client was never told of it. */
  #vanish(reason: TerminateReason): void {
    this.state = 'ended'
    this.takeWaiting(false)
    ChannelSocket.ended(this.#socket, reason)
  }

  #terminated({ last }: Ending): void {
    this.state = 'ended'
    if (last !== undefined) this.outlet.send(lastFrame(this.outlet, this, last, this.hasOverflowed))
  }

  // For the feed

  pushState(event: string, state: JsonText): void {
    // The channel may have ended in the turn in which it was joined, and its terminate be at work.
    if (this.state === 'joined') this.#push(event, state)
  }

  // For the socket of the handlers

  get connectionId(): string {
    return this.outlet.connection.id
  }

  push(event: string, payload: unknown): void {
    checkOut(this.definition, event, payload)
    this.#push(event, payload)
  }

  get #hasEnded(): boolean {
    return this.state === 'ended'
  }

  relay(event: string, payload: unknown): void {
    this.#push(event, payload)
  }

  /** It ended before its client was told of it, who hears nothing of it then. */
  get #isUnknown(): boolean {
    return !this.#isTold && this.state !== 'joined'
  }

  /** @throws `BERYL_ERR_PAYLOAD_INVALID` where the payload is no JSON */
  #frameOf(event: string, payload: unknown): Frame | undefined {
    try {
      return this.outlet.codec.encodePush(this.#wireRef, this.topic, event, payload)
    } catch (cause) {
      throw unwritable(this.topic, event, cause)
    }
  }

  #push(event: string, payload: unknown): void {
    if (this.#hasEnded || this.#isUnknown) return
    const frame = this.#frameOf(event, payload)
    // A `toJSON` may have ended it: nothing follows the last frame.
    if (this.#hasEnded) return
    if (frame === undefined) this.outlet.refused(this.topic, event, 'binary_unsupported')
    else if (this.#isTold) this.outlet.send(frame)
    else this.#held = hold(this.#held ?? NOTHING, frame, this.runtime.mailboxLimit)
  }

  requestStop(reason: StopReason): void {
    if (this.ending !== undefined) return
    const ending = endingOf(reason)
    if (ending.last === 'phx_error') this.outlet.crashed(this.topic, 'stop', reason)
    this.ending = ending
    this.drain()
  }
}
