import type { Endpoint } from './endpoint.ts'
import { berylError } from './errors.ts'
import { type ExitReason, formatReason } from './supervision/exit-reason.ts'
import type { TreeNode } from './supervision/process.ts'
import { type Supervisor, startSupervisor } from './supervision/supervisor.ts'
import type { TreeState } from './telemetry.ts'
import { berylTree } from './tree.ts'

/**
 * The tree's life, from `onReady` to `onClose`:
 *
 *     starting ──▶ running ◀──▶ degraded
 *         │           └──▶ draining ──▶ stopped
 *         └──▶ failed ◀── gave up
 */
export class Lifecycle {
  readonly #endpoint: Endpoint
  readonly #gaveUp: (error: Error) => void
  readonly #stopping = new AbortController()
  #phase: Exclude<TreeState, 'degraded'> = 'starting'
  #tree: Supervisor | undefined
  #starting: Promise<void> | undefined
  #lastError: Error | undefined

  /** @param gaveUp called once if the tree ends by itself: what is done then is the application's choice. */
  constructor(endpoint: Endpoint, gaveUp: (error: Error) => void) {
    this.#endpoint = endpoint
    this.#gaveUp = gaveUp
  }

  get state(): TreeState {
    if (this.#phase === 'running' && this.#endpoint.pubsub?.status === 'down') return 'degraded'
    return this.#phase
  }

  /** The tree as it is now, for people and for tests. */
  inspect(): TreeNode | undefined {
    return this.#tree?.inspect()
  }

  get supervisor(): Supervisor | undefined {
    return this.#tree
  }

  /** @throws `BERYL_ERR_START_FAILED` whose cause is the child's own error. Nothing is left running then. */
  start(): Promise<void> {
    this.#starting = this.#start()
    return this.#starting
  }

  async #start(): Promise<void> {
    const options = berylTree(this.#endpoint)
    try {
      this.#tree = await startSupervisor({
        ...options,
        signal: this.#stopping.signal,
        report: (event) => {
          if (event.type === 'gave_up') this.#lastError = event.error
          options.report?.(event)
        },
      })
    } catch (error) {
      if (this.#phase === 'starting') this.#enter('failed', error)
      throw error
    }
    if (this.#phase === 'starting') this.#enter('running')
    void this.#tree.exited.then((reason) => this.#exited(reason))
  }

  /** New clients are refused from now on. */
  drain(): void {
    if (this.#phase === 'running' || this.#phase === 'starting') this.#enter('draining')
  }

  /** Stops the tree in reverse order, also while it starts or restarts. Resolves when all of it has ended. */
  async stop(): Promise<void> {
    this.drain()
    this.#stopping.abort()
    await this.#starting?.catch(() => {})
    await this.#tree?.exited
    if (this.#phase === 'draining') this.#enter('stopped')
  }

  #exited(reason: ExitReason): void {
    if (this.#phase === 'draining' || this.#phase === 'stopped') return
    const error = this.#lastError ?? berylError('BERYL_ERR_EXITED', 'beryl', formatReason(reason))
    this.#enter('failed', error)
    this.#gaveUp(error)
  }

  #enter(phase: Exclude<TreeState, 'degraded'>, error?: unknown): void {
    this.#phase = phase
    this.#endpoint.telemetry.emit('tree.state', {}, { state: phase, error })
  }
}
