import { berylError } from '../ground/errors.ts'
import { tell } from '../ground/foreign.ts'
import type { TreeState } from '../ground/telemetry.ts'
import { describe, type ExitReason, formatReason, isNormal } from '../supervision/exit-reason.ts'
import { supervisor } from '../supervision/nested.ts'
import type { StartContext, TreeNode } from '../supervision/process.ts'
import { Supervisor } from '../supervision/supervisor.ts'
import type { Endpoint } from './endpoint.ts'
import { type BerylTree, berylTree, ROOT } from './tree.ts'

/**
 * The tree's life, from `onReady` to `onClose`, or as a child of another tree:
 *
 *     starting ──▶ running ◀──▶ degraded
 *         │           ├──▶ draining ──▶ stopped
 *         └──▶ failed ◀── gave up
 */
export class Lifecycle {
  readonly #endpoint: Endpoint
  readonly #gaveUp: ((error: Error) => unknown) | undefined
  readonly #stopping = new AbortController()
  #tree: Supervisor<BerylTree> | undefined
  #starting: Promise<void> | undefined
  /** The place in another tree that it was started for last. */
  #place: Pick<StartContext, 'path' | 'signal'> | undefined

  /**
   * @param gaveUp called if the tree ends by itself: what is done then is the application's choice. Without it the tree
   *   belongs to another one, which may end it in order.
   */
  constructor(endpoint: Endpoint, gaveUp?: (error: Error) => unknown) {
    this.#endpoint = endpoint
    this.#gaveUp = gaveUp
  }

  get state(): TreeState {
    const { status = 'up' } = this.#endpoint.pubsub ?? {}
    return this.#phase === 'running' && status !== 'up' ? 'degraded' : this.#phase
  }

  /** The tree as it is now, for people and for tests. */
  inspect(): TreeNode | undefined {
    return this.#tree?.inspect()
  }

  get supervisor(): Supervisor<BerylTree> | undefined {
    return this.#tree
  }

  /**
   * Starts the tree on its own.
   *
   * @throws `BERYL_ERR_START_FAILED` whose cause is the child's own error. Nothing is left running then.
   */
  start(): Promise<void> {
    const signal = this.#stopping.signal
    const tree = new Supervisor<BerylTree>({ ...berylTree(this.#endpoint), signal }, { path: ROOT })
    return this.#begin(async () => {
      await tree.boot()
      return tree
    })
  }

  /**
   * Starts the tree as a child of another one, which then decides over its restarts and its end.
   *
   * @throws `BERYL_ERR_CHILD_SPEC` while it is a child of another already: that would be two trees with one set of clients
   */
  async startNested(context: StartContext): Promise<Supervisor<BerylTree>> {
    this.#takePlace(context)
    this.#endpoint.phase.startAgain()
    const tree = Promise.resolve(supervisor(context.id, berylTree(this.#endpoint)).start(context))
    await this.#begin(() => tree, context.signal)
    return tree
  }

  #takePlace({ id, path, signal }: StartContext): void {
    const place = this.#place
    const isTaken =
      place !== undefined && !(place.signal.aborted && (this.#tree?.state ?? 'exited') === 'exited')
    if (isTaken) {
      const owner = path.slice(0, -id.length - 1)
      throw berylError('BERYL_ERR_CHILD_SPEC', owner, `child '${id}'`, A_SPEC, `that of '${place.path}'`)
    }
    this.#place = { path, signal }
  }

  get #phase(): Exclude<TreeState, 'degraded'> {
    return this.#endpoint.phase.current
  }

  #begin(start: () => Promise<Supervisor<BerylTree>>, asked?: AbortSignal): Promise<void> {
    this.#starting = this.#started(start(), asked)
    return this.#starting
  }

  /** @param asked aborted when an outer tree ends this one; `killed` where its start took too long */
  async #started(starting: Promise<Supervisor<BerylTree>>, asked: AbortSignal | undefined): Promise<void> {
    try {
      this.#tree = await starting
    } catch (error) {
      const isAsked = asked?.aborted === true && asked.reason?.cause !== 'killed'
      if (isAsked || this.#phase === 'draining' || this.#stopping.signal.aborted) this.#enter('stopped')
      else this.#enter('failed', error)
      throw error
    }
    if (this.#phase === 'starting') this.#enter('running')
    const tree = this.#tree
    void tree.exited.then((reason) => {
      if (tree === this.#tree) this.#exited(tree, reason)
    })
  }

  /** New clients are refused from now on. */
  drain(): void {
    if (this.#phase === 'starting' && this.#starting === undefined) this.#enter('stopped')
    else if (this.#phase === 'starting' || this.#phase === 'running') this.#enter('draining')
  }

  /** Ends a start that is under way: its children are asked to end, and killed when their time is over. */
  interrupt(): void {
    if (this.#phase === 'starting') this.#stopping.abort()
  }

  /** Stops the tree in reverse order, also while it starts or restarts. Resolves when all of it has ended. */
  async stop(): Promise<void> {
    this.drain()
    this.#stopping.abort()
    await this.#starting?.catch(() => {})
    await this.#tree?.exited
    if (this.#phase === 'draining') this.#enter('stopped')
  }

  #exited(tree: Supervisor, reason: ExitReason): void {
    if (this.#phase === 'stopped') return
    const gaveUp = tree.failure
    if (this.#phase === 'draining' || this.#stopping.signal.aborted) return this.#enter('stopped')
    if (this.#gaveUp === undefined && gaveUp === undefined && isNormal(reason)) return this.#enter('stopped')
    const error = gaveUp ?? berylError('BERYL_ERR_EXITED', tree.path, formatReason(reason))
    this.#enter('failed', error)
    tell(
      () => this.#gaveUp?.(error),
      (failed) => this.#warn(`onGiveUp failed: ${describe(failed)}`),
    )
  }

  #warn(message: string): void {
    this.#endpoint.report({ type: 'warning', supervisor: this.#tree?.path ?? ROOT, message })
  }

  #enter(phase: Exclude<TreeState, 'degraded'>, error?: unknown): void {
    if (phase === 'stopped' || phase === 'failed') this.#endpoint.presence?.ended()
    this.#endpoint.phase.enter(phase, error)
  }
}

const A_SPEC = 'a childSpec of its own: call beryl.childSpec(…) for each tree'
