import type { JoinedTopic, PendingTopic } from '../channel/outlet.ts'
import type { JoinOutcome } from '../ground/telemetry.ts'
import type { Message } from '../protocol/message.ts'
import { Intake, type IntakeRuntime } from './intake.ts'
import type { PendingJoins } from './pending-joins.ts'
import { NOTHING_WAITS, type SessionLoad, Topics } from './topics.ts'

/** The demands of a holder on the tree. */
export interface HolderRuntime extends IntakeRuntime {
  readonly joins: PendingJoins
}

/** The topics of one client, by name: those that it has joined, and those that it asks for. A class to extend, as {@link Intake}. */
export abstract class Holder<R extends HolderRuntime> extends Intake<R> {
  /** Made with the first topic: many clients have none yet. */
  #topics: Topics | undefined

  get channelCount(): number {
    return this.#topics?.size ?? 0
  }

  /** The channel that this client has joined on a topic. */
  channel(topic: string): JoinedTopic | undefined {
    return this.#topics?.channel(topic)
  }

  /** The waiting work of this client: see `BerylLoad`. */
  get load(): SessionLoad {
    const { waitingMessages, longestMailbox } = this.#topics?.waiting ?? NOTHING_WAITS
    const { bufferedBytes } = this.wire
    return { bufferedBytes, waitingMessages, longestMailbox, pendingCallbacks: this.pendingCallbacks }
  }

  caughtUp(): void {
    this.#topics?.caughtUp()
  }

  protected held(topic: unknown): PendingTopic | JoinedTopic | undefined {
    return this.#topics?.get(topic)
  }

  protected get allHeld(): (PendingTopic | JoinedTopic)[] {
    return this.#topics?.all ?? []
  }

  /** True for the first leave of what was joined. */
  protected isFirstLeave(message: Message): boolean {
    return this.#topics?.isFirstLeave(message) === true
  }

  protected hold(pending: PendingTopic): void {
    this.#topics ??= new Topics()
    this.#topics.set(pending)
    this.runtime.joins.add(pending)
  }

  /** The end: holds nothing from now on. Gives what it held. */
  protected letGo(): (PendingTopic | JoinedTopic)[] {
    const held = this.allHeld
    this.#topics = undefined
    for (const topic of held) this.#decided(topic)
    return held
  }

  joined(pending: PendingTopic, channel: JoinedTopic): void {
    this.#topics?.set(channel)
    this.#decided(pending)
    this.joinDecided(pending, 'ok')
  }

  notJoined(pending: PendingTopic, outcome: Exclude<JoinOutcome, 'ok'>, error?: unknown): void {
    this.forget(pending)
    this.joinDecided(pending, outcome, error)
  }

  left(pending: PendingTopic): void {
    this.forget(pending)
  }

  protected forget(topic: PendingTopic | JoinedTopic): void {
    this.#topics?.forget(topic)
    this.#decided(topic)
    this.waitsNoMore(topic)
  }

  #decided(topic: PendingTopic | JoinedTopic): void {
    if (topic.isJoining) this.runtime.joins.delete(topic)
  }
}
