import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import type { ReplyReason } from '../ground/errors.ts'
import { isAbortError, promised, settled } from '../ground/foreign.ts'
import { unwritable } from '../protocol/carried.ts'
import type { Frame } from '../protocol/frame.ts'
import type { JsonText, Message, Ref } from '../protocol/message.ts'
import { matchTopic } from '../protocol/topic.ts'
import { Broadcast } from '../pubsub/broadcast.ts'
import { answer, answerFrame, refuse } from './answer.ts'
import { ChannelSocket, type SocketHost } from './context.ts'
import type { CompiledChannel, CompiledEvent } from './definition.ts'
import type { Connection, SocketPresence, TerminateReason } from './infer.ts'
import { checkOut, interpretReply, type ReplyVerdict } from './interpret.ts'
import { Mailbox } from './mailbox.ts'
import type { ChannelRuntime, JoinedTopic, Outlet } from './outlet.ts'
import { PresenceFeed } from './presence-feed.ts'
import { isNormalStop, Later, type StopReason } from './result.ts'
import { type Misfit, refusedBecause } from './schema.ts'

type State = 'joined' | 'terminating' | 'ended'

/** The end of a channel: its reason, and its last frame where the client is to be told. */
interface Ending {
  readonly reason: TerminateReason
  readonly last: 'phx_close' | 'phx_error' | undefined
}

const OVERLOADED: TerminateReason = { kind: 'shutdown', reason: 'overloaded' }

/** Nothing has been broadcast since the channel was subscribed: shared, for that is so for nearly all. */
const NOTHING: readonly Broadcast[] = Object.freeze([])

/**
 * One joined topic of one client: a process with a serial mailbox, temporary, held by its session.
 *
 *     joined ──left, stopped, crashed, closed──▶ terminating ──▶ ended
 *
 * A callback that returns no promise costs none: the mailbox exists only while something waits.
 *
 * It begins behind a closed gate: it is subscribed, and its client has not been told. What is broadcast meanwhile is held,
 * in order, and delivered behind the answer to the join and the turn of `joined`.
 */
export class ChannelProcess implements JoinedTopic, SocketHost {
  readonly isJoining = false
  readonly topic: string
  readonly joinRef: Ref
  slot = -1
  readonly #definition: CompiledChannel
  readonly #runtime: ChannelRuntime
  readonly #outlet: Outlet
  /** The join_ref of pushes and replies: where it is null, Phoenix puts the ref of the join in its place. */
  readonly #wireRef: Ref
  readonly #socket: ChannelSocket
  #state: State = 'joined'
  #busy = false
  #mailbox: Mailbox | undefined
  /** The leave that waits in the mailbox. */
  #leaving: Message | undefined
  #isDrainDue = false
  #ending: Ending | undefined
  /** Broadcasts from while the gate is closed; `undefined` when it is open. */
  #held: readonly Broadcast[] | undefined = NOTHING
  #isOverloaded = false
  /** Where the channel declares presence. */
  readonly #presence: PresenceFeed | undefined

  constructor(
    runtime: ChannelRuntime,
    outlet: Outlet,
    definition: CompiledChannel,
    join: Message,
    assigns: unknown,
  ) {
    this.topic = join.topic as string
    this.joinRef = join.joinRef
    this.#definition = definition
    this.#runtime = runtime
    this.#outlet = outlet
    this.#wireRef = join.joinRef ?? join.ref
    this.#presence = definition.presence && new PresenceFeed(runtime.presence, this)
    this.#socket = new ChannelSocket(this, assigns)
  }

  /** The reply to the join is on its way. */
  joined(): void {
    // A subscription that took no time: nothing can have been missed, and what `joined` broadcasts is heard in its order.
    if (this.#held === NOTHING) this.#held = undefined
    const { joined } = this.#definition
    if (this.#state !== 'joined') return
    if (joined === undefined) this.#presence?.begin()
    // The state is to have what it tracks.
    else
      this.#turn(
        'joined',
        () => joined(this.#socket),
        () => this.#presence?.begin(),
      )
    this.#openGate()
    this.#drain()
  }

  receive(message: Message): void {
    // A listener of telemetry may have ended it on the way here.
    if (this.#state !== 'joined') return this.#outlet.redeliver([message])
    if (this.#busy || this.#mailbox !== undefined || this.#outlet.isFull) this.#enqueue(message)
    else this.#handle(message)
    this.#drain()
  }

  deliver(broadcast: Broadcast): void {
    if (broadcast.event === 'presence_diff' && this.#presence?.takesDiff() === false) return
    if (this.#held !== undefined) return this.#hold(broadcast)
    if (this.#definition.intercept.has(broadcast.event)) return this.#intercept(broadcast)
    this.#send(broadcast)
  }

  #send(broadcast: Broadcast): void {
    const frame = broadcast.frame(this.#outlet.codec)
    if (frame === null) broadcast.skipped++
    else this.#outlet.send(frame)
  }

  // The gate

  /** True where more was broadcast than may wait for it. Such a channel ends; where nobody was told of it, it never began. */
  get isOverloaded(): boolean {
    return this.#isOverloaded
  }

  #hold(broadcast: Broadcast): void {
    const held = this.#held as Broadcast[]
    if (this.#isOverloaded) return
    // Encoded now, for what is no JSON is the broadcaster's fault.
    const isRewritten = this.#definition.intercept.has(broadcast.event)
    if (isRewritten) broadcast.keep()
    else if (broadcast.frame(this.#outlet.codec) === null) return void broadcast.skipped++
    if (held === NOTHING) this.#held = [broadcast]
    else if (held.length < this.#runtime.mailboxLimit) held.push(broadcast)
    else {
      this.#isOverloaded = true
      this.#held = NOTHING
    }
  }

  #openGate(): void {
    const held = this.#held ?? NOTHING
    this.#held = undefined
    for (const broadcast of held) if (this.#state === 'joined') this.deliver(broadcast)
  }

  caughtUp(): void {
    this.#presence?.caughtUp()
  }

  shutdown(reason: TerminateReason): void {
    this.#ending ??= { reason, last: undefined }
    this.#drain()
  }

  close(reason: TerminateReason): void {
    this.#end({ reason, last: undefined })
  }

  supersede(): Frame {
    this.#end({ reason: { kind: 'shutdown', reason: 'duplicate_join' }, last: undefined })
    return this.#lastFrame('phx_close')
  }

  // Messages

  get waiting(): number {
    return this.#mailbox?.length ?? 0
  }

  get isLeaving(): boolean {
    return this.#leaving !== undefined
  }

  proceed(): void {
    this.#drain()
  }

  overdue(): void {
    this.#drain()
  }

  #enqueue(message: Message): void {
    this.#mailbox ??= new Mailbox(this.#runtime.mailboxLimit)
    if (message.event === 'phx_leave' && this.#leaving === undefined) this.#leaving = message
    else if (!this.#mailbox.hasRoomForMessage) return this.#refuseToWait(message)
    this.#mailbox.put(message)
  }

  /** A leave is never refused, and one waits already. */
  #refuseToWait(message: Message): void {
    if (message.event === 'phx_leave') answer(this.#outlet, this.#wireRef, message, 'ok', {})
    else this.#refuse(message, { reason: 'overloaded' })
  }

  /** The hot path: a handler that returns no promise is called, interpreted and answered without a closure. */
  #handle(message: Message): void {
    if (message.event === 'phx_leave') return this.#leave(message)
    const event = this.#definition.in.get(message.event as string)
    if (event === undefined) return this.#refuse(message, { reason: 'unknown_event' })
    const misfit = refusedBecause(event.payload, message.payload)
    // A check is code of the application, which may have ended the channel.
    if (this.#state !== 'joined') return this.#outlet.redeliver([message])
    if (misfit !== undefined) return this.#refuseMisfit(message, misfit)
    this.#busy = true
    const startedAt = this.#outlet.measuring()
    let result: unknown
    try {
      result = event.handle(message.payload, this.#socket)
    } catch (error) {
      return this.#crash(message.event as string, error)
    }
    const pending = promised(result)
    if (pending !== undefined) return this.#handleLater(message, event, pending, startedAt)
    if (startedAt !== undefined) this.#outlet.handled(this.topic, message.event as string, startedAt)
    this.#answer(message, event, result)
    this.#busy = false
  }

  #handleLater(
    message: Message,
    event: CompiledEvent,
    result: Promise<unknown>,
    startedAt: number | undefined,
  ): void {
    const name = message.event as string
    this.#await(name, result, (settled) => {
      if (startedAt !== undefined) this.#outlet.handled(this.topic, name, startedAt)
      this.#answer(message, event, settled)
      this.#busy = false
      this.#drain()
    })
  }

  #answer(message: Message, event: CompiledEvent, result: unknown): void {
    // By far the most common: an event without a reply.
    if (result === undefined && event.reply === undefined) return
    this.#obey(message, event, interpretReply(this.#definition, message.event as string, event, result))
  }

  #obey(message: Message, event: CompiledEvent, verdict: ReplyVerdict): void {
    const name = message.event as string
    // Also where the channel has ended meanwhile: somebody must take what it rejects with.
    if (verdict.kind === 'later')
      return this.#await(name, settled(verdict.promise), (result) => this.#answer(message, event, result))
    if (this.#state !== 'joined') return
    switch (verdict.kind) {
      case 'none':
        return
      case 'reply':
        return this.#reply(message, verdict.status, verdict.response)
      case 'stop':
        this.#obey(message, event, verdict.reply)
        return this.requestStop(verdict.reason)
      case 'crashed':
        return this.#crash(name, verdict.error)
      default:
        verdict satisfies never
    }
  }

  /** A response that cannot be written as JSON is the handler's fault. */
  #reply(message: Message, status: string, response: unknown): void {
    try {
      const frame = answerFrame(this.#outlet.codec, this.#wireRef, message, status, response)
      // Nothing follows the last frame, though a `toJSON` ended the channel.
      if (frame !== undefined && this.#state === 'joined') this.#outlet.send(frame)
    } catch (error) {
      this.#crash(message.event as string, error)
    }
  }

  #leave(message: Message): void {
    answer(this.#outlet, this.#wireRef, message, 'ok', {})
    this.#end({ reason: { kind: 'left' }, last: 'phx_close' })
  }

  #refuseMisfit(message: Message, { issues, thrown }: Misfit): void {
    if (thrown !== undefined) this.#outlet.checkFailed(this.topic, message.event as string, thrown.error)
    this.#refuse(message, { reason: 'invalid_payload', errors: issues })
  }

  #refuse(message: Message, response: { reason: ReplyReason; errors?: unknown }): void {
    refuse(this.#outlet, this.#wireRef, message, response)
  }

  // Turns of the mailbox

  /** Takes what waits, as long as nothing async is at work. */
  #drain(): void {
    while (!this.#busy && this.#state === 'joined') {
      if (this.#ending !== undefined) return this.#end(this.#ending)
      const next = this.#mailbox?.first
      if (next === undefined) {
        this.#mailbox = undefined
        return
      }
      if (!(next instanceof Broadcast) && next !== this.#leaving && this.#outlet.isFull)
        return this.#awaitRoom()
      this.#mailbox?.take()
      if (next instanceof Broadcast) this.#rewrite(next)
      else this.#handle(next)
    }
  }

  /** A leave does not wait for as long as others hold all the room. */
  #awaitRoom(): void {
    if (this.#leaving !== undefined && this.#outlet.isOverdue) return this.#leave(this.#leaving)
    this.#outlet.awaitRoom(this)
  }

  /** Runs a callback of the application that answers no message. */
  #turn(event: string, callback: () => unknown, done?: (result: unknown) => void): void {
    this.#busy = true
    try {
      const result = callback()
      const pending = promised(result)
      if (pending === undefined) {
        this.#busy = false
        if (this.#state === 'joined') done?.(result)
        return
      }
      this.#await(event, pending, (settled) => {
        this.#busy = false
        done?.(settled)
        this.#drain()
      })
    } catch (error) {
      this.#crash(event, error)
    }
  }

  /** Goes on when a promise of the application settles; its failure, or that of what follows, is a crash. */
  #await(event: string, promise: Promise<unknown>, done: (result: unknown) => void): void {
    this.#outlet.pending()
    const failed = (error: unknown): void => {
      if (this.#state === 'joined' || !this.#isAbort(error)) this.#crash(event, error)
    }
    promise
      .then(
        (result) => {
          this.#outlet.settled()
          if (this.#state === 'joined') done(result)
          else if (result instanceof Later) this.#await(event, settled(result.promise), done)
        },
        (error) => {
          this.#outlet.settled()
          failed(error)
        },
      )
      .catch(failed)
      .catch((error) => this.#outlet.broke(error))
  }

  /** A promise that rejects because the signal told it of the channel's end: no news. */
  #isAbort(error: unknown): boolean {
    return error === this.#ending?.reason || isAbortError(error)
  }

  /** Never at once: a callback of the application must not run inside the loop over the subscribers. */
  #intercept(broadcast: Broadcast): void {
    if (this.#isOverloaded) return
    broadcast.keep()
    this.#mailbox ??= new Mailbox(this.#runtime.mailboxLimit)
    if (this.#mailbox.hasRoomForBroadcast) this.#mailbox.put(broadcast)
    else this.#isOverloaded = true
    if (this.#isDrainDue) return
    this.#isDrainDue = true
    queueMicrotask(() => {
      this.#isDrainDue = false
      try {
        if (this.#isOverloaded) this.#overload()
        this.#drain()
      } catch (error) {
        this.#outlet.broke(error)
      }
    })
  }

  /** Nothing is left out in silence: the client is told that the channel ended, and comes back for the whole. */
  #overload(): void {
    if (this.#state !== 'joined') return
    this.#outlet.limitReached('limits.mailbox')
    this.#end({ reason: OVERLOADED, last: 'phx_error' })
  }

  #rewrite(broadcast: Broadcast): void {
    const { event } = broadcast
    const rewrite = this.#definition.intercept.get(event)
    this.#turn(
      event,
      () => rewrite?.(broadcast.onWire(), this.#socket),
      (rewritten) => {
        if (rewritten !== undefined) this.push(event, rewritten)
      },
    )
  }

  // The end

  #crash(event: string, error: unknown): void {
    this.#outlet.crashed(this.topic, event, error)
    this.#end({ reason: { kind: 'crashed', error }, last: 'phx_error' })
  }

  /** The topic is free at once: a new join does not wait for `terminate`. */
  #end(ending: Ending): void {
    if (this.#state !== 'joined') return
    this.#state = 'terminating'
    if (this.#held !== undefined) this.#held = NOTHING
    this.#ending = ending
    this.#outlet.ended(this, ending.reason)
    this.#runtime.pubsub.unsubscribe(this.topic, this)
    this.#runtime.presence.end(this.#socket)
    this.#terminate(ending)
    const waiting = this.#mailbox?.messagesBut(ending.reason.kind === 'left' ? this.#leaving : undefined)
    this.#mailbox = undefined
    if (waiting !== undefined) this.#outlet.redeliver(waiting)
  }

  #terminate({ reason, last }: Ending): void {
    ChannelSocket.ended(this.#socket, reason)
    const done = (): void => {
      this.#state = 'ended'
      if (last !== undefined) this.#outlet.send(this.#lastFrame(last))
    }
    const failed = (error: unknown): void => this.#outlet.crashed(this.topic, 'terminate', error)
    try {
      const terminated = this.#definition.terminate?.(reason, this.#socket)
      const pending = promised(terminated)
      if (pending === undefined) return done()
      this.#outlet.pending()
      pending
        .catch(failed)
        .then(() => {
          this.#outlet.settled()
          done()
        })
        .catch((error) => this.#outlet.broke(error))
    } catch (error) {
      failed(error)
      done()
    }
  }

  #lastFrame(event: 'phx_close' | 'phx_error'): Frame {
    const reason = this.#isOverloaded ? 'overloaded' : 'channel_crash'
    const payload = event === 'phx_error' ? { reason } : {}
    return this.#outlet.codec.encodeEnd(this.joinRef, this.topic, event, payload)
  }

  // For the feed of presence

  get isBehind(): boolean {
    return this.#outlet.isBehind
  }

  pushState(state: JsonText): void {
    // The channel may have ended in the turn in which it was joined, and its terminate be at work.
    if (this.#state === 'joined') this.#push('presence_state', state)
  }

  // For the socket of the handlers

  failed(event: string, error: unknown): void {
    this.#outlet.crashed(this.topic, event, error)
  }

  get topicId(): string {
    return matchTopic(this.#definition.pattern, this.topic) as string
  }

  get connectionId(): string {
    return this.#outlet.connection.id
  }

  get connection(): Connection {
    return this.#outlet.connection
  }

  get server(): FastifyInstance {
    return this.#runtime.host.server
  }

  get log(): FastifyBaseLogger {
    return this.#outlet.log.child({ topic: this.topic })
  }

  get presence(): SocketPresence<unknown> {
    return this.#runtime.presence.of(this.#socket)
  }

  push(event: string, payload: unknown): void {
    checkOut(this.#definition, event, payload)
    this.#push(event, payload)
  }

  /** It ended before its client was told of it, who hears nothing of it then. */
  get #isUnknown(): boolean {
    return this.#held !== undefined && this.#state !== 'joined'
  }

  /** @throws `BERYL_ERR_PAYLOAD_INVALID` where the payload is no JSON */
  #frameOf(event: string, payload: unknown): Frame | undefined {
    try {
      return this.#outlet.codec.encodePush(this.#wireRef, this.topic, event, payload)
    } catch (cause) {
      throw unwritable(this.topic, event, cause)
    }
  }

  #push(event: string, payload: unknown): void {
    if (this.#state === 'ended' || this.#isUnknown) return
    const frame = this.#frameOf(event, payload)
    // A `toJSON` may have ended it: nothing follows the last frame.
    if ((this.#state as State) === 'ended') return
    if (frame === undefined) this.#outlet.refused(this.topic, event, 'binary_unsupported')
    else this.#outlet.send(frame)
  }

  broadcast(event: string, payload: unknown): void {
    checkOut(this.#definition, event, payload)
    this.#runtime.pubsub.broadcast(this.topic, event, payload)
  }

  broadcastFrom(event: string, payload: unknown): void {
    checkOut(this.#definition, event, payload)
    this.#runtime.pubsub.broadcast(this.topic, event, payload, this)
  }

  requestStop(reason: StopReason): void {
    if (this.#ending !== undefined) return
    if (isNormalStop(reason)) this.#ending = { reason: { kind: 'stopped', reason }, last: 'phx_close' }
    else {
      this.#outlet.crashed(this.topic, 'stop', reason)
      this.#ending = { reason: { kind: 'crashed', error: reason }, last: 'phx_error' }
    }
    this.#drain()
  }
}
