import type { Frame } from '../protocol/frame.ts'
import type { Message, Ref } from '../protocol/message.ts'
import { matchTopic } from '../topic.ts'
import { answer, refuse } from './answer.ts'
import type { CompiledChannel } from './definition.ts'
import type { TerminateReason } from './infer.ts'
import { askToJoin, isPromiseLike, type JoinVerdict, refusal } from './interpret.ts'
import type { ChannelRuntime, Outlet, PendingTopic } from './outlet.ts'
import { ChannelProcess } from './process.ts'

/**
 * A join that is being decided. A slow `join` holds up its own topic only: messages for it wait here, in order, and are
 * decided again when the answer is out. Nothing else exists for the topic until then.
 */
export class JoiningTopic implements PendingTopic {
  readonly isJoining = true
  readonly topic: string
  readonly joinRef: Ref
  askedAt = 0
  readonly #runtime: ChannelRuntime
  readonly #outlet: Outlet
  readonly #definition: CompiledChannel
  readonly #message: Message
  readonly #predecessor: Frame | undefined
  readonly #messages: Message[] = []
  #gone: TerminateReason | undefined

  /**
   * @param predecessor The last frame of the channel that this join replaces: it goes out behind the answer.
   */
  constructor(
    runtime: ChannelRuntime,
    outlet: Outlet,
    definition: CompiledChannel,
    message: Message,
    predecessor: Frame | undefined,
  ) {
    this.topic = message.topic as string
    this.joinRef = message.joinRef
    this.#runtime = runtime
    this.#outlet = outlet
    this.#definition = definition
    this.#message = message
    this.#predecessor = predecessor
  }

  get waiting(): number {
    return this.#messages.length
  }

  receive(message: Message): void {
    if (this.#messages.length < this.#runtime.mailboxLimit) this.#messages.push(message)
    else refuse(this.#outlet, message.joinRef, message, { reason: 'overloaded' })
  }

  shutdown(reason: TerminateReason): void {
    this.close(reason)
  }

  close(reason: TerminateReason): void {
    this.#gone = reason
  }

  /** Asks `join`. The answer may be out when this returns. */
  ask(): void {
    const { topic } = this
    const outlet = this.#outlet
    const verdict = askToJoin(this.#definition, {
      topic,
      id: matchTopic(this.#definition.pattern, topic) as string,
      payload: this.#message.payload,
      connection: outlet.connection,
      server: this.#runtime.host.server,
      // Made where it is used: a logger of its own is dear.
      get log() {
        return outlet.log
      },
    })
    if (!isPromiseLike(verdict)) return this.#decided(verdict)
    this.#outlet.pending()
    void verdict.then((decided) => {
      this.#outlet.settled()
      this.#decided(decided)
    })
  }

  #decided(verdict: JoinVerdict): void {
    if (verdict.kind !== 'ok') return this.#refused(verdict)
    const channel = new ChannelProcess(
      this.#runtime,
      this.#outlet,
      this.#definition,
      this.#message,
      verdict.assigns,
    )
    if (this.#gone !== undefined) return channel.close(this.#gone)
    this.#subscribe(channel, verdict.reply)
  }

  /** The adapter of the pubsub is foreign code: it may reject, and it may throw. */
  #subscribe(channel: ChannelProcess, reply: unknown): void {
    let subscribed: undefined | Promise<void>
    try {
      subscribed = this.#runtime.pubsub.subscribe(this.topic, channel)
    } catch (error) {
      return this.#undo(channel, error)
    }
    if (subscribed === undefined) return this.#accepted(channel, reply)
    subscribed.then(
      () => this.#accepted(channel, reply),
      (error) => this.#undo(channel, error),
    )
  }

  #accepted(channel: ChannelProcess, reply: unknown): void {
    if (this.#gone !== undefined) return channel.close(this.#gone)
    try {
      answer(this.#outlet, this.joinRef, this.#message, 'ok', reply)
    } catch (error) {
      return this.#undo(channel, error)
    }
    this.#sendPredecessor()
    this.#outlet.joined(channel)
    channel.joined()
    this.#outlet.redeliver(this.#messages)
  }

  /** `join` said yes, and then it could not be. */
  #undo(channel: ChannelProcess, error: unknown): void {
    channel.close({ kind: 'crashed', error })
    this.#refused({ kind: 'crashed', error })
  }

  #refused(verdict: Exclude<JoinVerdict, { kind: 'ok' }>): void {
    if (this.#gone !== undefined) return
    answer(this.#outlet, this.joinRef, this.#message, 'error', refusal(verdict))
    this.#sendPredecessor()
    this.#outlet.notJoined(this, verdict.kind, verdict.kind === 'crashed' ? verdict.error : undefined)
    this.#outlet.redeliver(this.#messages)
  }

  #sendPredecessor(): void {
    if (this.#predecessor !== undefined) this.#outlet.send(this.#predecessor)
  }
}
