import type { ReplyReason } from '../ground/refusals.ts'
import type { JoinOutcome } from '../ground/telemetry.ts'
import type { Frame } from '../protocol/frame.ts'
import { type Message, sameRef, type TopicMessage } from '../protocol/message.ts'
import { topicId } from '../protocol/topic.ts'
import type { Broadcast } from '../pubsub/broadcast.ts'
import type { TopicWaiter } from '../pubsub/confirmation.ts'
import { WAIT_MS } from '../pubsub/hearing.ts'
import { answer, refuseMessage } from './answer.ts'
import type { CompiledChannel } from './definition.ts'
import { LEFT, OVERLOADED, REJECTED, TIMED_OUT, UNAVAILABLE } from './ending.ts'
import type { TerminateReason } from './infer.ts'
import { JoinAnswer } from './join-answer.ts'
import { JoinBacklog } from './join-backlog.ts'
import { JoinQuestion } from './join-question.ts'
import { askToJoin, type JoinVerdict, refusal, type SnapshotVerdict } from './join-verdict.ts'
import type { ChannelRuntime, Outlet, PendingTopic } from './outlet.ts'
import { ChannelProcess } from './process.ts'
import { NO_CLAIM, readJoin } from './resume-key.ts'

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
export class JoiningTopic extends JoinAnswer implements PendingTopic, TopicWaiter {
  readonly isJoining = true
  readonly #definition: CompiledChannel
  readonly #question: JoinQuestion
  #backlog: JoinBacklog | undefined
  /** Subscribed, and its client not told. */
  #channel: ChannelProcess | undefined
  #granted: Granted | undefined
  #gone: TerminateReason | undefined

  constructor(
    runtime: ChannelRuntime,
    outlet: Outlet,
    definition: CompiledChannel,
    message: TopicMessage,
    predecessor: Frame | undefined,
  ) {
    super(runtime, outlet, readJoin(message), predecessor)
    this.#definition = definition
    const id = topicId(definition.pattern, this.topic)
    this.#question = new JoinQuestion(outlet, runtime.host, this.asked.message, id)
  }

  get waiting(): number {
    return this.#backlog?.messages.length ?? 0
  }

  get isLeaving(): boolean {
    return this.#backlog?.isLeaving === true
  }

  receive(message: Message): void {
    // The server goes, and takes no more.
    if (this.#gone !== undefined) return
    if (message.event === 'phx_leave' && this.#isLeftBy(message)) return this.#leave(message)
    this.#backlog ??= new JoinBacklog(this.runtime.mailboxLimit)
    const placed = this.#backlog.put(message)
    if (placed === 'left') answer(this.outlet, message.joinRef, message, 'ok', {})
    else if (placed === 'full') refuseMessage(this.outlet, message.joinRef, message, { reason: 'overloaded' })
  }

  inform(info: Broadcast): void {
    this.#channel?.inform(info)
  }

  /** True where a leave is of this join, not of one that waits: it is served at once. */
  #isLeftBy({ joinRef }: Message): boolean {
    const isOurs = joinRef === null || sameRef(joinRef, this.joinRef)
    return isOurs && this.#backlog?.hasJoin !== true && !this.isSettled
  }

  // The way in

  /** Runs the callback that is next, when there is room for another. The answer may be out when this returns. */
  begin(): void {
    if (this.#gone !== undefined) return
    if (!this.outlet.isFull) return this.#ask()
    if (this.outlet.isOverdue) return this.overdue()
    this.outlet.awaitRoom(this)
  }

  proceed(): void {
    this.begin()
  }

  overdue(): void {
    this.#fail('overloaded', 'overloaded', OVERLOADED)
  }

  #ask(): void {
    const channel = this.#channel
    if (this.asked.claim === 'invalid')
      return this.#refused({ kind: 'invalid_payload', misfit: { issues: [NO_CLAIM] } })
    if (channel === undefined)
      this.#take(askToJoin(this.#definition, this.#question), (verdict) => this.#decided(verdict))
    else this.#take(channel.snapshot(), (verdict) => this.#answered(channel, verdict))
  }

  #take<V>(verdict: V | Promise<V>, next: (verdict: V) => void): void {
    if (!(verdict instanceof Promise)) return next(verdict)
    const outlet = this.outlet
    this.startTimer()
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
      this.runtime,
      this.outlet,
      this.#definition,
      this.asked,
      verdict.assigns,
    )
    if (this.#gone !== undefined) return channel.close(this.#gone)
    this.#channel = channel
    this.#subscribe(channel, verdict)
  }

  /** The adapter of the pubsub is foreign code: it may reject, it may throw, and it may end the connection. */
  #subscribe(channel: ChannelProcess, granted: Granted): void {
    let hasToWait: boolean
    this.#granted = granted
    try {
      hasToWait = this.runtime.pubsub.subscribe(this.topic, channel, this)
    } catch (error) {
      return this.#undo(channel, error)
    }
    // The channel was closed before it was among the subscribers.
    if (this.#gone !== undefined) return this.runtime.pubsub.unsubscribe(this.topic, channel)
    if (hasToWait) this.startTimer(WAIT_MS)
    else this.#follow(channel, granted)
  }

  heard(): void {
    this.guarded(() => this.#channel && this.#granted && this.#follow(this.#channel, this.#granted))
  }

  unheard(error: unknown): void {
    this.guarded(() => this.#channel && this.#undo(this.#channel, error))
  }

  /** The log is foreign code, as the adapter is. */
  #follow(channel: ChannelProcess, { reply, mayResume }: Granted): void {
    if (this.#gone !== undefined) return
    let found: undefined | Promise<void>
    try {
      found = channel.follow(this.asked.claim, mayResume)
    } catch {
      return this.#unavailable()
    }
    if (found === undefined) return this.#subscribed(channel, reply)
    this.startTimer()
    found
      .then(
        () => this.#subscribed(channel, reply),
        () => this.#unavailable(),
      )
      .catch((error) => this.outlet.broke(error))
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
      frame = this.frameOf('ok', channel.answerOf(reply))
    } catch (error) {
      return this.#undo(channel, error)
    }
    // A `toJSON` may have ended the connection.
    if (this.#gone !== undefined) return
    this.give(frame)
    // Before anybody else hears of it: a listener may end the channel at once.
    channel.told()
    this.outlet.joined(this, channel)
    channel.joined()
    this.#redeliver()
  }

  // The ways out

  shutdown(reason: TerminateReason): void {
    this.close(reason)
  }

  close(reason: TerminateReason): void {
    if (this.isSettled) return
    this.#forgo(reason)
    this.#undoFor(reason)
  }

  /** From now on nothing of the join is told to anybody. */
  #forgo(reason: TerminateReason): void {
    this.#gone = reason
    this.settle()
  }

  /** Foreign code: what was to be said to the client has been said. */
  #undoFor(reason: TerminateReason): void {
    this.#question.abort(reason)
    this.#channel?.close(reason)
  }

  #leave(message: Message): void {
    this.#forgo(LEFT)
    this.outlet.left(this)
    this.sendPredecessor()
    answer(this.outlet, this.asked.message.joinRef ?? this.asked.message.ref, message, 'ok', {})
    this.outlet.send(this.outlet.codec.encodeEnd(this.joinRef, this.topic, 'phx_close', {}))
    this.#undoFor(LEFT)
    this.#redeliver()
  }

  dismiss(reason: string | undefined): void {
    if (this.isSettled || this.#gone !== undefined) return
    const gone: TerminateReason = { kind: 'dismissed', reason }
    this.#forgo(gone)
    this.outlet.notJoined(this, 'refused')
    refuseMessage(this.outlet, this.joinRef, this.asked.message, { reason: 'dismissed' })
    this.sendPredecessor()
    const told = reason === undefined ? {} : { reason }
    // Behind an error clients join again; behind this they do not.
    this.outlet.send(this.outlet.codec.encodeEnd(this.joinRef, this.topic, 'phx_close', told))
    this.#undoFor(gone)
    this.#redeliver()
  }

  #overloaded(): void {
    this.outlet.limitReached('limits.mailbox')
    this.#fail('overloaded', 'overloaded', OVERLOADED)
  }

  protected override timedOut(): void {
    try {
      this.outlet.limitReached('limits.joinTimeoutMs')
      this.#fail('join_timeout', 'timeout', TIMED_OUT)
    } catch (error) {
      this.outlet.broke(error)
    }
  }

  /** The library itself gives the join up. */
  #fail(reason: ReplyReason, outcome: Exclude<JoinOutcome, 'ok'>, gone: TerminateReason): void {
    if (this.isSettled) return
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
      this.outlet.checkFailed(this.topic, 'phx_join', verdict.misfit.thrown.error)
    // A listener may have ended the connection.
    if (this.#gone !== undefined) return
    this.#answerError(refusal(verdict), verdict.kind, verdict.kind === 'crashed' ? verdict.error : undefined)
  }

  #answerError(response: unknown, outcome: Exclude<JoinOutcome, 'ok'>, error?: unknown): void {
    const gone = this.#gone
    let frame: Frame | undefined
    try {
      frame = this.frameOf('error', response)
    } catch (cause) {
      // The application's refusal fits into no frame.
      return this.#answerError(refusal({ kind: 'crashed', error: cause }), 'crashed', cause)
    }
    // A `toJSON` may have ended the connection.
    if (this.#gone !== gone) return
    this.give(frame)
    this.outlet.notJoined(this, outcome, error)
    this.#redeliver()
  }

  #redeliver(): void {
    if (this.#backlog !== undefined) this.outlet.redeliver(this.#backlog.messages)
  }
}
