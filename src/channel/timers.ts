import { checkFunction, refuseArgument } from '../ground/argument.ts'
import type { Clock, Timer } from '../ground/clock.ts'
import { berylError } from '../ground/errors.ts'
import { Due } from './queue.ts'

export type TimerKind = 'setTimeout' | 'setInterval'

/** The channel whose timers they are. */
interface TimerOwner {
  readonly pattern: string
  limitReached(): void
  /** Takes a callback into the channel's queue. */
  runLater(due: Due): void
  /** Runs a callback in the channel's turn; what it throws is the channel's crash. */
  run(callback: () => unknown, done: () => void): void
}

/** Node runs a timer that is set for longer at once. */
const LONGEST_MS = 2 ** 31 - 1

/**
 * The timers of one channel. Each runs in its turn, waits there once at the most, and ends with the channel. One that is cancelled
 * while it waits counts until its turn has come, for that turn waits all the same.
 */
export class ChannelTimers {
  readonly #clock: Clock
  readonly #limit: number
  readonly #owner: TimerOwner
  readonly #timers = new Set<Timer>()
  #isClosed = false

  constructor(
    { clock, timerLimit }: { readonly clock: Clock; readonly timerLimit: number },
    owner: TimerOwner,
  ) {
    this.#clock = clock
    this.#limit = timerLimit
    this.#owner = owner
  }

  /** @throws `BERYL_ERR_ARGUMENT`, `BERYL_ERR_TIMER_LIMIT` */
  start(kind: TimerKind, callback: () => unknown, ms: number): Timer {
    checkTimer(kind, callback, ms)
    if (this.#timers.size >= this.#limit) {
      this.#owner.limitReached()
      throw berylError('BERYL_ERR_TIMER_LIMIT', this.#owner.pattern, this.#limit)
    }
    let isWaiting = false
    let isAtWork = false
    let isCancelled = false
    const timer = this.#clock[kind](() => {
      // An interval whose last turn has not come yet, or is at work.
      if (isWaiting || isAtWork) return
      isWaiting = true
      this.#owner.runLater(new Due(run, false))
    }, ms)
    const run = (): void => {
      isWaiting = false
      if (isCancelled || kind === 'setTimeout') this.#timers.delete(handle)
      if (isCancelled) return
      isAtWork = true
      this.#owner.run(callback, () => {
        isAtWork = false
      })
    }
    const handle = {
      cancel: () => {
        isCancelled = true
        if (!isWaiting) this.#timers.delete(handle)
        timer.cancel()
      },
    }
    this.#timers.add(handle)
    if (this.#isClosed) handle.cancel()
    return handle
  }

  /** The channel has ended. */
  close(): void {
    this.#isClosed = true
    for (const timer of this.#timers) timer.cancel()
    this.#timers.clear()
  }
}

function checkTimer(kind: TimerKind, callback: unknown, ms: unknown): void {
  checkFunction(`socket.${kind}`, 'callback', callback)
  const least = kind === 'setInterval' ? 1 : 0
  if (typeof ms === 'number' && ms >= least && ms <= LONGEST_MS) return
  refuseArgument(`socket.${kind}`, 'ms', `milliseconds from ${least} to ${LONGEST_MS}`, ms)
}
