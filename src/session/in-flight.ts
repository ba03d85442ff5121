import type { Clock, Timer } from '../ground/clock.ts'
import type { Wire } from './wire.ts'

/** A client stays unread for so long for want of room: its end, its leaves and its heartbeats are seen no later than that. */
const PAUSE_MS = 1_000

/** A topic that has something to begin, and must wait until another callback is done. */
export interface Waiting {
  /** There is room, for one callback at least. */
  proceed(): void
  /** It has waited for as long as the client may be left unread. */
  overdue(): void
}

/**
 * The async callbacks that are at work for one client. As many as the limit says; what would be one too many waits in its
 * topic, and the client's socket is not read meanwhile, so that its own TCP slows the client down. It is read again when
 * half of them are done, but no later than after a second: who is not read is not seen to go.
 *
 *     open ──somebody has to wait──▶ paused ──a second──▶ overdue
 *       ◀──half are done, nobody waits──┴───────────────────┘
 */
export class InFlight {
  readonly #wire: Wire
  readonly #clock: Clock
  readonly #limit: number
  readonly #waiting = new Set<Waiting>()
  #state: 'open' | 'paused' | 'overdue' = 'open'
  #count = 0
  #pause: Timer | undefined
  #isWaking = false
  #whenNone: (() => void) | undefined

  constructor(wire: Wire, limit: number, clock: Clock) {
    this.#wire = wire
    this.#limit = limit
    this.#clock = clock
  }

  /** The number of callbacks at work. */
  get count(): number {
    return this.#count
  }

  /** True where no other may begin. */
  get isFull(): boolean {
    return this.#count >= this.#limit
  }

  /** True where the client's socket is not read. */
  get isPaused(): boolean {
    return this.#state === 'paused'
  }

  /** True where the client is read though there is no room: what cannot wait is refused. */
  get isOverdue(): boolean {
    return this.#state === 'overdue' && this.isFull
  }

  began(): void {
    this.#count++
  }

  done(): void {
    this.#count--
    // Behind what the callback that is done goes on to.
    if (this.#state !== 'open' && !this.#isWaking) {
      this.#isWaking = true
      queueMicrotask(() => this.#wake())
    }
    if (this.#count === 0) this.#whenNone?.()
  }

  /** A topic waits for room. Whether reading stops with it. */
  wait(topic: Waiting): boolean {
    this.#waiting.add(topic)
    if (this.#state !== 'open') return false
    this.#state = 'paused'
    this.#wire.pause()
    this.#pause = this.#clock.setTimeout(() => this.#giveUp(), PAUSE_MS)
    return true
  }

  /** A topic ended: it waits for nothing. */
  forget(topic: Waiting): void {
    this.#waiting.delete(topic)
  }

  /** Resolves when the last callback is done, or after `ms`. */
  async settled(ms: number): Promise<void> {
    if (this.#count === 0) return
    await new Promise<void>((resolve) => {
      const timer = this.#clock.setTimeout(resolve, ms)
      this.#whenNone = () => {
        timer.cancel()
        resolve()
      }
    })
  }

  /** Nobody waits any more; the client is read. */
  release(): void {
    this.#waiting.clear()
    this.#open()
  }

  #giveUp(): void {
    this.#state = 'overdue'
    this.#wire.resume()
    for (const topic of [...this.#waiting]) topic.overdue()
  }

  #wake(): void {
    this.#isWaking = false
    for (const topic of this.#waiting) {
      if (this.isFull) return
      this.#waiting.delete(topic)
      topic.proceed()
    }
    if (this.#count <= this.#limit / 2) this.#open()
  }

  #open(): void {
    const wasPaused = this.isPaused
    this.#state = 'open'
    this.#pause?.cancel()
    this.#pause = undefined
    if (wasPaused) this.#wire.resume()
  }
}
