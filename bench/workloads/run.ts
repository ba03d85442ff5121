import { PATIENCE_MS } from './workload.ts'

/**
 * The time of one run: `open` for so long, then the load drains. Resolves `ended` when {@link finish} is called, or
 * when patience runs out.
 */
export class Run {
  readonly ended: Promise<void>
  readonly forMs: number
  #open = true
  #finish: () => void = () => undefined

  constructor(forMs: number) {
    this.forMs = forMs
    const closing = setTimeout(() => {
      this.#open = false
    }, forMs)
    const givingUp = setTimeout(() => this.#finish(), forMs + PATIENCE_MS)
    this.ended = new Promise((resolve) => {
      this.#finish = () => {
        clearTimeout(closing)
        clearTimeout(givingUp)
        this.#open = false
        resolve()
      }
    })
  }

  /** True while new messages may be sent. */
  get open(): boolean {
    return this.#open
  }

  finish(): void {
    this.#finish()
  }
}
