import type { Timer } from '../ground/clock.ts'
import { promised, settled } from '../ground/foreign.ts'
import type { ReplyReason } from '../ground/refusals.ts'
import type { Frame } from '../protocol/frame.ts'
import type { Message } from '../protocol/message.ts'
import type { Broadcast } from '../pubsub/broadcast.ts'
import { answer, answerFrame, refuseMessage } from './answer.ts'
import { ChannelSocket, type SocketHost } from './context.ts'
import type { CompiledChannel, CompiledEvent, CompiledInfo } from './definition.ts'
import { type Ending, endingOf, errorOf, lastFrame, terminate } from './ending.ts'
import type { Fed } from './feed.ts'
import type { TerminateReason } from './infer.ts'
import { blame, type DueReply, interpretInfo, interpretReply, type ReplyVerdict } from './interpret.ts'
import { askForSnapshot, type SnapshotVerdict } from './join-verdict.ts'
import type { ChannelRuntime, JoinedTopic, Outlet } from './outlet.ts'
import { Due } from './queue.ts'
import { Stop, type StopReason } from './result.ts'
import type { ReadJoin } from './resume-key.ts'
import { type Misfit, refusedBecause } from './schema.ts'
import { Telling } from './telling.ts'
import { ChannelTimers, type TimerKind } from './timers.ts'

/**
 * One joined topic of one client: a process with a serial mailbox, temporary, held by its session.
 *
 *     joined ──left, stopped, crashed, closed──▶ terminating ──▶ ended
 *
 * It begins behind a closed gate: it is subscribed, and its client has not been told. What is broadcast meanwhile is held,
 * in order, and delivered behind the answer to the join and the turn of `joined`; where there is a `snapshot`, before that.
 * One that has a `snapshot` and ends before its client was told has never been: it goes without `terminate`.
 */
export class ChannelProcess extends Telling implements JoinedTopic, SocketHost, Fed {
  readonly #socket: ChannelSocket
  #timers: ChannelTimers | undefined

  constructor(
    runtime: ChannelRuntime,
    outlet: Outlet,
    definition: CompiledChannel,
    join: ReadJoin,
    assigns: unknown,
  ) {
    super(runtime, outlet, definition, join)
    this.#socket = new ChannelSocket(this, assigns)
    this.isBusy = true
  }

  /** On the prototype: a field would cost each joined topic its place. */
  get isJoining(): false {
    return false
  }

  /** Asks for the reply to the join. */
  snapshot(): SnapshotVerdict | Promise<SnapshotVerdict> {
    return askForSnapshot(this.definition, this.#socket, { recovered: this.history?.recovered ?? false })
  }

  /** The reply to the join is on its way. */
  joined(): void {
    if (this.state !== 'joined') return
    this.history?.open()
    this.isBusy = false
    if (this.definition.snapshot !== undefined) this.openGate()
    // It may have been stopped by its `snapshot`.
    if (this.ending === undefined) this.#begin(this.definition.joined)
    this.openGate()
    this.drain()
  }

  #begin(joined: CompiledChannel['joined']): void {
    if (joined === undefined) return this.feed?.begin()
    // The state is to have what it tracks.
    this.turn(
      'joined',
      () => joined(this.#socket),
      () => this.feed?.begin(),
    )
  }

  shutdown(reason: TerminateReason): void {
    this.ending ??= { reason, last: undefined }
    this.drain()
  }

  close(reason: TerminateReason): void {
    this.end({ reason, last: undefined })
  }

  dismiss(reason: string | undefined): void {
    this.end({ reason: { kind: 'dismissed', reason }, last: 'phx_close' })
  }

  supersede(): Frame {
    this.end({ reason: { kind: 'shutdown', reason: 'duplicate_join' }, last: undefined })
    return lastFrame(this.outlet, this, 'phx_close')
  }

  // Messages

  /** A leave is never refused, and one waits already. */
  protected refuseToWait(message: Message): void {
    if (message.event === 'phx_leave') answer(this.outlet, this.wireRef, message, 'ok', {})
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
      const frame = answerFrame(this.outlet.codec, this.wireRef, message, status, response)
      // Nothing follows the last frame, though a `toJSON` ended the channel.
      if (frame !== undefined && this.state === 'joined') this.outlet.send(frame)
    } catch (error) {
      this.crash(name, error)
    }
  }

  protected leave(message: Message): void {
    answer(this.outlet, this.wireRef, message, 'ok', {})
    this.end({ reason: { kind: 'left' }, last: 'phx_close' })
  }

  #refuseMisfit(message: Message, { name }: CompiledEvent, { issues, thrown }: Misfit): void {
    if (thrown !== undefined) this.outlet.checkFailed(this.topic, name, thrown.error)
    this.#refuse(message, { reason: 'invalid_payload', errors: issues })
  }

  #refuse(message: Message, response: { reason: ReplyReason; errors?: unknown }): void {
    refuseMessage(this.outlet, this.wireRef, message, response)
  }

  // Infos

  inform(info: Broadcast): void {
    const handle = this.definition.info.get(info.event)?.handle
    if (handle === undefined) return
    info.keep()
    this.runLater(new Due(() => this.#runInfo(info, handle), true))
  }

  #runInfo(info: Broadcast, handle: CompiledInfo['handle']): void {
    this.turn(
      `info ${info.event}`,
      () => handle(info.onWire(), this.#socket),
      (result) => {
        const stop = interpretInfo(this.definition, info.event, result)
        if (stop !== undefined) this.requestStop(stop.reason)
      },
    )
  }

  // Broadcasts that are rewritten

  protected rewrite(broadcast: Broadcast): void {
    const { event } = broadcast
    const rewrite = this.definition.intercept.get(event)
    this.turn(
      event,
      () => rewrite?.(broadcast.onWire(), this.#socket),
      (rewritten) => this.rewritten(broadcast, rewritten),
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
    this.closeGate()
    this.history?.end()
    this.#timers?.close()
    this.ending = ending
    const wasJoined = this.isTold || this.definition.snapshot === undefined
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

  #terminated({ last, reason }: Ending): void {
    this.state = 'ended'
    if (last === undefined) return
    const closed = reason.kind === 'dismissed' ? reason.reason : undefined
    this.outlet.send(lastFrame(this.outlet, this, last, last === 'phx_error' ? errorOf(reason) : closed))
  }

  // For the socket of the handlers

  get connectionId(): string {
    return this.outlet.id
  }

  startTimer(kind: TimerKind, callback: () => unknown, ms: number): Timer {
    this.#timers ??= new ChannelTimers(this.runtime, {
      pattern: this.definition.pattern.source,
      limitReached: () => this.outlet.limitReached('limits.timers'),
      runLater: (due) => this.runLater(due),
      run: (callback, done) => this.#runTimer(kind, callback, done),
    })
    if (this.state !== 'joined') this.#timers.close()
    return this.#timers.start(kind, callback, ms)
  }

  #runTimer(kind: TimerKind, callback: () => unknown, done: () => void): void {
    this.turn(kind, callback, (result) => {
      done()
      if (result instanceof Stop) this.requestStop(result.reason)
    })
  }

  requestStop(reason: StopReason): void {
    if (this.ending !== undefined) return
    const ending = endingOf(reason)
    if (ending.last === 'phx_error') this.outlet.crashed(this.topic, 'stop', reason)
    this.ending = ending
    this.drain()
  }
}
