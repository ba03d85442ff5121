import { berylError } from '../ground/errors.ts'
import type { Telemetry, TreeState } from '../ground/telemetry.ts'

type Phase = Exclude<TreeState, 'degraded'>

/** The phase of the tree's life, moved by the lifecycle, and its meaning for whoever sends. It outlives restarts. */
export class TreePhase {
  readonly #telemetry: Telemetry
  #current: Phase = 'starting'
  #hasRun = false

  constructor(telemetry: Telemetry) {
    this.#telemetry = telemetry
  }

  get current(): Phase {
    return this.#current
  }

  enter(phase: Phase, error?: unknown): void {
    this.#current = phase
    this.#hasRun ||= phase === 'running'
    this.#telemetry.emit('tree.state', {}, { state: phase, error })
  }

  /** The tree of which it is a part starts it, maybe once more. */
  startAgain(): void {
    this.#current = 'starting'
  }

  /**
   * Refuses what nobody would ever get; in a restart there is somebody again soon.
   *
   * @throws `BERYL_ERR_NOT_RUNNING` before the first start is done, and after the end
   */
  checkSending(): void {
    if (this.#current === 'starting' && !this.#hasRun) throw this.#notRunning()
    this.checkOpen()
  }

  /** As {@link checkSending}, for what is kept until there is somebody. @throws `BERYL_ERR_NOT_RUNNING` after the end */
  checkOpen(): void {
    if (this.#current === 'stopped' || this.#current === 'failed') throw this.#notRunning()
  }

  #notRunning(): Error {
    return berylError('BERYL_ERR_NOT_RUNNING', this.#current)
  }
}
