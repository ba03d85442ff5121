import type { WaitingTopic } from '../channel/outlet.ts'
import type { Clock, Timer } from '../ground/clock.ts'
import type { Wire } from './wire.ts'

/** A client stays unread for so long for want of room: its end, its leaves and its heartbeats are seen no later than that. */
const PAUSE_MS = 1_000

/** The client whose callbacks are counted. */
interface Client {
  readonly wire: Wire
  /** The library itself failed in a microtask or a timer: the connection ends, and no other. */
  broke(error: unknown): void
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
  readonly #client: Client
  readonly #clock: Clock
  readonly #limit: number
  readonly #waiting = new Set<WaitingTopic>()
  #state: 'open' | 'paused' | 'overdue' = 'open'
  #count = 0
  #pause: Timer | undefined
  #isWaking = false
  #whenNone: (() => void) | undefined

  constructor(client: Client, limit: number, clock: Clock) {
    this.#client = client
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
      queueMicrotask(() => this.#guarded(() => this.#wake()))
    }
    if (this.#count === 0) this.#whenNone?.()
  }

  /** A topic waits for room. Whether reading stops with it. */
  wait(topic: WaitingTopic): boolean {
    this.#waiting.add(topic)
    if (this.#state !== 'open') return false
    this.#state = 'paused'
    this.#client.wire.pause()
    this.#pause = this.#clock.setTimeout(() => this.#guarded(() => this.#giveUp()), PAUSE_MS)
    return true
  }

  /** A topic ended: it waits for nothing. */
  forget(topic: WaitingTopic): void {
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

  #guarded(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.#client.broke(error)
    }
  }

  #giveUp(): void {
    this.#state = 'overdue'
    this.#client.wire.resume()
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
    if (wasPaused) this.#client.wire.resume()
  }
}
