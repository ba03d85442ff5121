import type { Timer } from '../ground/clock.ts'
import type { ReplyReason } from '../ground/errors.ts'
import type { JoinOutcome } from '../ground/telemetry.ts'
import { patience } from '../ground/watch.ts'
import type { Frame } from '../protocol/frame.ts'
import { type Message, type Ref, sameRef, type TopicMessage } from '../protocol/message.ts'
import { topicId } from '../protocol/topic.ts'
import { answer, answerFrame, refuseMessage } from './answer.ts'
import type { CompiledChannel } from './definition.ts'
import { OVERLOADED } from './ending.ts'
import type { TerminateReason } from './infer.ts'
import { askToJoin, type JoinVerdict, refusal, type SnapshotVerdict } from './interpret.ts'
import { JoinQuestion } from './join-question.ts'
import type { ChannelRuntime, Outlet, PendingTopic } from './outlet.ts'
import { ChannelProcess } from './process.ts'
import { NO_CLAIM, type ReadJoin, readJoin } from './resume-key.ts'

const LEFT: TerminateReason = { kind: 'left' }
const TIMED_OUT: TerminateReason = { kind: 'shutdown', reason: 'join_timeout' }
const UNAVAILABLE: TerminateReason = { kind: 'shutdown', reason: 'history_unavailable' }
const REJECTED: TerminateReason = { kind: 'stopped', reason: 'normal' }

type Granted = Extract<JoinVerdict, { kind: 'ok' }>

/**
 * A join that is being decided. A slow `join` holds up its own topic only: messages for it wait here, in order, and are
 * decided again when the answer is out. Nothing else exists for the topic until `join` has said yes; then a channel is
 * subscribed, and waits behind its gate for the adapter of the pubsub, and for its own `snapshot` where it has one.
 *
 *     waiting for room ──▶ asked ──▶ subscribing ──▶ reading its snapshot ──▶ answered
 *           └────────────────┴────────────┴───────────────────┴──left, closed, too late──▶ gone
 *
 * A client that is gone hears nothing more, and what `join` gives after all is undone by `terminate`; not where there is a
 * `snapshot`, for then nothing is joined before the answer.
 */
export class JoiningTopic implements PendingTopic {
  readonly isJoining = true
  readonly topic: string
  readonly joinRef: Ref
  askedAt = 0
  readonly #runtime: ChannelRuntime
  readonly #outlet: Outlet
  readonly #definition: CompiledChannel
  readonly #read: ReadJoin
  readonly #predecessor: Frame | undefined
  readonly #question: JoinQuestion
  #messages: Message[] = []
  /** Of them: joins, and whether a leave came behind the last one. */
  #joinsWaiting = 0
  #isLeaving = false
  /** Subscribed, and its client not told. */
  #channel: ChannelProcess | undefined
  #gone: TerminateReason | undefined
  #isAnswered = false
  #timer: Timer | undefined

  /**
   * @param predecessor The last frame of the channel that this join replaces: it goes out behind the answer.
   */
  constructor(
    runtime: ChannelRuntime,
    outlet: Outlet,
    definition: CompiledChannel,
    message: TopicMessage,
    predecessor: Frame | undefined,
  ) {
    this.topic = message.topic
    this.joinRef = message.joinRef
    this.#runtime = runtime
    this.#outlet = outlet
    this.#definition = definition
    this.#read = readJoin(message)
    this.#predecessor = predecessor
    const id = topicId(definition.pattern, this.topic)
    this.#question = new JoinQuestion(outlet, runtime.host, this.#read.message, id)
  }

  get waiting(): number {
    return this.#messages.length
  }

  get isLeaving(): boolean {
    return this.#isLeaving
  }

  receive(message: Message): void {
    // The server goes, and takes no more.
    if (this.#gone !== undefined) return
    if (message.event === 'phx_leave') return this.#receiveLeave(message)
    if (message.event === 'phx_join') return this.#receiveJoin(message)
    if (this.#messages.length < this.#runtime.mailboxLimit) this.#messages.push(message)
    else this.#refuse(message)
  }

  /** Another join waits for the decision on this one. Those that wait have a bound of their own. */
  #receiveJoin(message: Message): void {
    if (this.#joinsWaiting >= this.#runtime.mailboxLimit) return this.#refuse(message)
    this.#joinsWaiting++
    this.#isLeaving = false
    this.#messages.push(message)
  }

  /** At once where it leaves this join; in its order where it leaves one that waits. Never refused, as there is one for each. */
  #receiveLeave(message: Message): void {
    const isOurs = message.joinRef === null || sameRef(message.joinRef, this.joinRef)
    if (isOurs && this.#joinsWaiting === 0 && !this.#isAnswered) return this.#leave(message)
    if (this.#isLeaving) return answer(this.#outlet, message.joinRef, message, 'ok', {})
    this.#isLeaving = true
    this.#messages.push(message)
  }

  #refuse(message: Message): void {
    refuseMessage(this.#outlet, message.joinRef, message, { reason: 'overloaded' })
  }

  // The way in

  /** Runs the callback that is next, when there is room for another. The answer may be out when this returns. */
  begin(): void {
    if (this.#gone !== undefined) return
    if (!this.#outlet.isFull) return this.#ask()
    if (this.#outlet.isOverdue) return this.overdue()
    this.#outlet.awaitRoom(this)
  }

  proceed(): void {
    this.begin()
  }

  overdue(): void {
    this.#fail('overloaded', 'overloaded', OVERLOADED)
  }

  #ask(): void {
    const channel = this.#channel
    if (this.#read.claim === 'invalid')
      return this.#refused({ kind: 'invalid_payload', misfit: { issues: [NO_CLAIM] } })
    if (channel === undefined)
      this.#take(askToJoin(this.#definition, this.#question), (verdict) => this.#decided(verdict))
    else this.#take(channel.snapshot(), (verdict) => this.#answered(channel, verdict))
  }

  #take<V>(verdict: V | Promise<V>, next: (verdict: V) => void): void {
    if (!(verdict instanceof Promise)) return next(verdict)
    const outlet = this.#outlet
    this.#startTimer()
    outlet.pending()
    verdict
      .then((decided) => {
        outlet.settled()
        next(decided)
      })
      .catch((error) => outlet.broke(error))
  }

  #decided(verdict: JoinVerdict): void {
    if (verdict.kind !== 'ok') return this.#refused(verdict)
    const channel = new ChannelProcess(
      this.#runtime,
      this.#outlet,
      this.#definition,
      this.#read,
      verdict.assigns,
    )
    if (this.#gone !== undefined) return channel.close(this.#gone)
    this.#channel = channel
    this.#subscribe(channel, verdict)
  }

  /** The adapter of the pubsub is foreign code: it may reject, it may throw, and it may end the connection. */
  #subscribe(channel: ChannelProcess, granted: Granted): void {
    let subscribed: undefined | Promise<void>
    try {
      subscribed = this.#runtime.pubsub.subscribe(this.topic, channel)
    } catch (error) {
      return this.#undo(channel, error)
    }
    // The channel was closed before it was among the subscribers.
    if (this.#gone !== undefined) return this.#runtime.pubsub.unsubscribe(this.topic, channel)
    if (subscribed === undefined) return this.#follow(channel, granted)
    this.#startTimer()
    subscribed
      .then(
        () => this.#follow(channel, granted),
        (error) => this.#undo(channel, error),
      )
      .catch((error) => this.#outlet.broke(error))
  }

  /** The log is foreign code, as the adapter is. */
  #follow(channel: ChannelProcess, { reply, mayResume }: Granted): void {
    if (this.#gone !== undefined) return
    let found: undefined | Promise<void>
    try {
      found = channel.follow(this.#read.claim, mayResume)
    } catch {
      return this.#unavailable()
    }
    if (found === undefined) return this.#subscribed(channel, reply)
    this.#startTimer()
    found
      .then(
        () => this.#subscribed(channel, reply),
        () => this.#unavailable(),
      )
      .catch((error) => this.#outlet.broke(error))
  }

  #unavailable(): void {
    this.#fail('history_unavailable', 'refused', UNAVAILABLE)
  }

  /** From here on nothing is missed. */
  #subscribed(channel: ChannelProcess, reply: unknown): void {
    if (this.#definition.snapshot === undefined) this.#accepted(channel, reply)
    else this.begin()
  }

  #answered(channel: ChannelProcess, verdict: SnapshotVerdict): void {
    if (this.#gone !== undefined) return
    if (verdict.kind === 'ok') return this.#accepted(channel, verdict.reply)
    this.#channel = undefined
    channel.close(verdict.kind === 'crashed' ? verdict : REJECTED)
    this.#refused(verdict)
  }

  #accepted(channel: ChannelProcess, reply: unknown): void {
    if (this.#gone !== undefined) return
    if (channel.isOverloaded) return this.#overloaded()
    let frame: Frame | undefined
    try {
      const response = channel.answerOf(reply)
      frame = answerFrame(this.#outlet.codec, this.joinRef, this.#read.message, 'ok', response)
    } catch (error) {
      return this.#undo(channel, error)
    }
    // A `toJSON` may have ended the connection.
    if (this.#gone !== undefined) return
    this.#settle()
    if (frame !== undefined) this.#outlet.send(frame)
    this.#sendPredecessor()
    // Before anybody else hears of it: a listener may end the channel at once.
    channel.told()
    this.#outlet.joined(this, channel)
    channel.joined()
    this.#outlet.redeliver(this.#messages)
  }

  // The ways out

  shutdown(reason: TerminateReason): void {
    this.close(reason)
  }

  close(reason: TerminateReason): void {
    if (this.#isAnswered) return
    this.#forgo(reason)
    this.#undoFor(reason)
  }

  /** From now on nothing of the join is told to anybody. */
  #forgo(reason: TerminateReason): void {
    this.#gone = reason
    this.#settle()
  }

  /** Foreign code: what was to be said to the client has been said. */
  #undoFor(reason: TerminateReason): void {
    this.#question.abort(reason)
    this.#channel?.close(reason)
  }

  #leave(message: Message): void {
    this.#forgo(LEFT)
    this.#outlet.left(this)
    this.#sendPredecessor()
    answer(this.#outlet, this.#read.message.joinRef ?? this.#read.message.ref, message, 'ok', {})
    this.#outlet.send(this.#outlet.codec.encodeEnd(this.joinRef, this.topic, 'phx_close', {}))
    this.#undoFor(LEFT)
    this.#outlet.redeliver(this.#messages)
  }

  dismiss(reason: string | undefined): void {
    if (this.#isAnswered || this.#gone !== undefined) return
    const gone: TerminateReason = { kind: 'dismissed', reason }
    this.#forgo(gone)
    this.#outlet.notJoined(this, 'refused')
    refuseMessage(this.#outlet, this.joinRef, this.#read.message, { reason: 'dismissed' })
    this.#sendPredecessor()
    const told = reason === undefined ? {} : { reason }
    // Behind an error clients join again; behind this they do not.
    this.#outlet.send(this.#outlet.codec.encodeEnd(this.joinRef, this.topic, 'phx_close', told))
    this.#undoFor(gone)
    this.#outlet.redeliver(this.#messages)
  }

  #overloaded(): void {
    this.#outlet.limitReached('limits.mailbox')
    this.#fail('overloaded', 'overloaded', OVERLOADED)
  }

  #timedOut(): void {
    try {
      this.#outlet.limitReached('limits.joinTimeoutMs')
      this.#fail('join_timeout', 'timeout', TIMED_OUT)
    } catch (error) {
      this.#outlet.broke(error)
    }
  }

  /** The library itself gives the join up. */
  #fail(reason: ReplyReason, outcome: Exclude<JoinOutcome, 'ok'>, gone: TerminateReason): void {
    if (this.#isAnswered) return
    this.#forgo(gone)
    this.#answerError({ reason }, outcome)
    this.#undoFor(gone)
  }

  /** `join` said yes, and then it could not be. */
  #undo(channel: ChannelProcess, error: unknown): void {
    if (this.#gone !== undefined) return
    this.#channel = undefined
    channel.close({ kind: 'crashed', error })
    this.#refused({ kind: 'crashed', error })
  }

  #refused(verdict: Exclude<JoinVerdict, { kind: 'ok' }>): void {
    if (this.#gone !== undefined) return
    if (verdict.kind === 'invalid_payload' && verdict.misfit.thrown !== undefined)
      this.#outlet.checkFailed(this.topic, 'phx_join', verdict.misfit.thrown.error)
    // A listener may have ended the connection.
    if (this.#gone !== undefined) return
    this.#answerError(refusal(verdict), verdict.kind, verdict.kind === 'crashed' ? verdict.error : undefined)
  }

  #answerError(response: unknown, outcome: Exclude<JoinOutcome, 'ok'>, error?: unknown): void {
    const gone = this.#gone
    let frame: Frame | undefined
    try {
      frame = answerFrame(this.#outlet.codec, this.joinRef, this.#read.message, 'error', response)
    } catch (cause) {
      // The application's refusal fits into no frame.
      return this.#answerError(refusal({ kind: 'crashed', error: cause }), 'crashed', cause)
    }
    // A `toJSON` may have ended the connection.
    if (this.#gone !== gone) return
    this.#settle()
    if (frame !== undefined) this.#outlet.send(frame)
    this.#sendPredecessor()
    this.#outlet.notJoined(this, outcome, error)
    this.#outlet.redeliver(this.#messages)
  }

  #sendPredecessor(): void {
    if (this.#predecessor !== undefined) this.#outlet.send(this.#predecessor)
  }

  // The time limit: one for all of it

  #startTimer(): void {
    const { clock, joinTimeoutMs } = this.#runtime
    if (this.#timer !== undefined || joinTimeoutMs === Number.POSITIVE_INFINITY) return
    const leftMs = this.askedAt + joinTimeoutMs - clock.now()
    this.#timer = patience(clock, leftMs, () => this.#timedOut())
  }

  /** The decision stands. */
  #settle(): void {
    this.#isAnswered = true
    this.#timer?.cancel()
    this.#timer = undefined
  }
}
