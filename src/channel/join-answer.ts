import type { Timer } from '../ground/clock.ts'
import { patience } from '../ground/watch.ts'
import type { Frame } from '../protocol/frame.ts'
import type { Ref, ReplyStatus } from '../protocol/message.ts'
import { answerFrame } from './answer.ts'
import type { ChannelRuntime, Outlet } from './outlet.ts'
import type { ReadJoin } from './resume-key.ts'

/**
 * The answer to a join: one, within its time, and behind it the last frame of the channel that this join replaces.
 *
 * A class to extend, not a part to hold: a join pays for no object of it.
 */
export abstract class JoinAnswer {
  readonly topic: string
  readonly joinRef: Ref
  askedAt = 0
  protected readonly runtime: ChannelRuntime
  protected readonly outlet: Outlet
  protected readonly asked: ReadJoin
  readonly #predecessor: Frame | undefined
  #isSettled = false
  #timer: Timer | undefined

  /** @param predecessor The last frame of the channel that this join replaces. */
  constructor(runtime: ChannelRuntime, outlet: Outlet, asked: ReadJoin, predecessor: Frame | undefined) {
    this.topic = asked.message.topic
    this.joinRef = asked.message.joinRef
    this.runtime = runtime
    this.outlet = outlet
    this.asked = asked
    this.#predecessor = predecessor
  }

  get connectionId(): string {
    return this.outlet.id
  }

  /** The limit of time is reached. */
  protected abstract timedOut(): void

  /** True where the decision stands. */
  protected get isSettled(): boolean {
    return this.#isSettled
  }

  /** The decision stands. */
  protected settle(): void {
    this.#isSettled = true
    this.#timer?.cancel()
    this.#timer = undefined
  }

  /** To write the response may run code of the application (`toJSON`), which may end the connection. */
  protected frameOf(status: ReplyStatus, response: unknown): Frame | undefined {
    return answerFrame(this.outlet.codec, this.joinRef, this.asked.message, status, response)
  }

  /** Gives the answer, which stands from now on. */
  protected give(frame: Frame | undefined): void {
    this.settle()
    if (frame !== undefined) this.outlet.send(frame)
    this.sendPredecessor()
  }

  protected sendPredecessor(): void {
    if (this.#predecessor !== undefined) this.outlet.send(this.#predecessor)
  }

  /** For what goes on behind the adapter: others wait for the same. */
  protected guarded(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.outlet.broke(error)
    }
  }

  /**
   * One limit for all of it: it begins where there is something to wait for.
   *
   * @param withinMs The wait is over by then, whatever comes: where that is before the limit, no timer is made. @default it may be endless
   */
  protected startTimer(withinMs = Number.POSITIVE_INFINITY): void {
    const { clock, joinTimeoutMs } = this.runtime
    if (this.#timer !== undefined || joinTimeoutMs === Number.POSITIVE_INFINITY) return
    const leftMs = this.askedAt + joinTimeoutMs - clock.now()
    if (leftMs > withinMs) return
    this.#timer = patience(clock, leftMs, () => this.timedOut())
  }
}
