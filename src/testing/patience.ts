import { type Clock, systemClock } from '../ground/clock.ts'
import { type FakeClock, turnOfEventLoop } from './fake-clock.ts'

/** Turns of the event loop after which what was ready has run: a diff of presence alone takes two. */
const SETTLING_TURNS = 5

/** Waits for what a test expects: for events, and for time only to give up. */
export class Patience {
  readonly timeoutMs: number
  readonly #fake: FakeClock | undefined
  readonly #waiting = new Set<() => void>()

  /**
   * @param clock That of the application. A fake one stands still, so its immediates are run here while a test waits.
   */
  constructor(clock: Clock, timeoutMs: number) {
    this.timeoutMs = timeoutMs
    this.#fake = isFake(clock) ? clock : undefined
  }

  /** Something came: look again. */
  wake(): void {
    for (const wake of [...this.#waiting]) wake()
  }

  /** Lets everything that is ready run: promises, immediates, frames. Waits for nothing that is not. */
  async settle(): Promise<void> {
    if (this.#fake !== undefined) return this.#fake.settle()
    for (let turn = 0; turn < SETTLING_TURNS; turn++) await turnOfEventLoop()
  }

  /**
   * Looks until there is something to see.
   *
   * @param isHopeless Whether nothing can come any more: then what is ready gets one more look.
   * @param failure Makes the error where nothing was seen.
   */
  async until<T>(look: () => T | undefined, isHopeless: () => boolean, failure: () => Error): Promise<T> {
    const deadline = systemClock.now() + this.timeoutMs
    for (let isLast = false; ; ) {
      const seen = look()
      if (seen !== undefined) return seen
      const leftMs = deadline - systemClock.now()
      if (isLast || leftMs <= 0) throw failure()
      if (isHopeless()) {
        isLast = true
        await this.settle()
      } else await this.#change(leftMs)
    }
  }

  #change(withinMs: number): Promise<void> {
    if (this.#fake !== undefined) return this.#fake.settle()
    return new Promise((resolve) => {
      const wake = (): void => {
        timer.cancel()
        this.#waiting.delete(wake)
        resolve()
      }
      const timer = systemClock.setTimeout(wake, withinMs)
      this.#waiting.add(wake)
    })
  }
}

function isFake(clock: Clock): clock is FakeClock {
  return 'settle' in clock
}
