import type { Endpoint } from './endpoint.ts'
import { berylError } from './errors.ts'
import { type ExitReason, formatReason } from './supervision/exit-reason.ts'
import { supervisor } from './supervision/nested.ts'
import type { StartContext, TreeNode } from './supervision/process.ts'
import { type Supervisor, startSupervisor } from './supervision/supervisor.ts'
import type { TreeState } from './telemetry.ts'
import { berylTree } from './tree.ts'

/**
 * The tree's life, from `onReady` to `onClose`, or as a child of another tree:
 *
 *     starting ──▶ running ◀──▶ degraded
 *         │           ├──▶ draining ──▶ stopped
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

  /** @param gaveUp called if the tree ends by itself: what is done then is the application's choice. */
  constructor(endpoint: Endpoint, gaveUp: (error: Error) => void) {
    this.#endpoint = endpoint
    this.#gaveUp = gaveUp
    endpoint.telemetry.on('supervisor.event', (_, event) => {
      if (event.type === 'gave_up') this.#lastError = (event as { error?: Error }).error
    })
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

  /**
   * Starts the tree on its own.
   *
   * @throws `BERYL_ERR_START_FAILED` whose cause is the child's own error. Nothing is left running then.
   */
  start(): Promise<void> {
    const signal = this.#stopping.signal
    this.#starting = this.#started(startSupervisor({ ...berylTree(this.#endpoint), signal }))
    return this.#starting
  }

  /** Starts the tree as a child of another one, which then decides over its restarts and its end. */
  async startNested(context: StartContext): Promise<Supervisor> {
    const tree = supervisor(context.id, berylTree(this.#endpoint)).start(context) as Promise<Supervisor>
    this.#phase = 'starting'
    await this.#started(tree)
    return tree
  }

  async #started(starting: Promise<Supervisor>): Promise<void> {
    try {
      this.#tree = await starting
    } catch (error) {
      if (this.#phase === 'starting') this.#enter('failed', error)
      throw error
    }
    if (this.#phase === 'starting') this.#enter('running')
    const tree = this.#tree
    void tree.exited.then((reason) => {
      if (tree === this.#tree) this.#exited(reason)
    })
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
