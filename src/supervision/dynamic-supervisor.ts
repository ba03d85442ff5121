import { berylError, show } from '../ground/errors.ts'
import { Actor, type ActorClass, type ActorStart, type InitArgs } from './actor.ts'
import { check, checkKeys, checkReadable, refuseSpec } from './check.ts'
import type { ChildInfo } from './child.ts'
import {
  type ChildInit,
  checkSignificant,
  POLICY_KEYS,
  resolveChildSpec,
  resolvePolicy,
} from './child-spec.ts'
import { type ChildTemplate, DynamicChild, type Template } from './dynamic-child.ts'
import { checkReason, type ExitReason } from './exit-reason.ts'
import type { HandleOf, MaybePromise, ProcessDetails, StartContext, StartResult } from './process.ts'
import { type StartFailure, type StartOutcome, startFailed } from './start-failure.ts'
import { type CommonOptions, checkSupervisorOptions, refuseAutoShutdown } from './supervisor-flags.ts'
import { type ChildCount, SupervisorProcess, type Surroundings } from './supervisor-process.ts'
import { Deadlines } from './time-limit.ts'

interface DynamicCommonOptions extends Omit<CommonOptions, 'autoShutdown'> {
  /** The limit of children, those that are being restarted included. @default unlimited */
  readonly maxChildren?: number | undefined
}

/** The options of a dynamic supervisor whose children are all alike. */
export interface TemplateOptions<A extends readonly unknown[], R extends StartResult>
  extends DynamicCommonOptions {
  readonly child: ChildTemplate<A, R>
}

/** The options of a dynamic supervisor of actors of one class. */
export interface ActorPoolOptions<T extends Actor> extends DynamicCommonOptions {
  readonly child: ActorClass<T>
}

/** The options of a dynamic supervisor that is given a spec for each child. */
export interface SpecPoolOptions extends DynamicCommonOptions {
  readonly child?: undefined
}

/** A dynamic supervisor whose `startChild` takes a spec. Ids mean nothing to it: the same may come twice. */
export type SpecPool = DynamicSupervisor<[init: ChildInit], StartResult>

const LISTED_CHILDREN = 20

/**
 * A supervisor of any number of children of one kind, started at run time and addressed by their handles. Its strategy
 * is one_for_one; children that end for good leave nothing behind; all are stopped at the same time.
 *
 * Requests are served one at a time, as those of a static supervisor are.
 */
export class DynamicSupervisor<
  A extends readonly unknown[] = readonly never[],
  R extends StartResult = StartResult,
> extends SupervisorProcess<DynamicChild> {
  readonly #template: Template | undefined
  readonly #maxChildren: number
  readonly #children = new Map<unknown, DynamicChild>()
  #started = 0

  constructor(options: TemplateOptions<A, R> | SpecPoolOptions, parent?: Surroundings) {
    super(checkSupervisorOptions(options, ['child', 'maxChildren']), parent)
    refuseAutoShutdown(this.path, options)
    const { maxChildren = Number.POSITIVE_INFINITY, child } = options
    if (typeof maxChildren !== 'number' || !(maxChildren >= 0))
      refuseSpec(this.path, 'maxChildren', 'a number from 0', maxChildren)
    this.#maxChildren = maxChildren
    this.#template = child === undefined ? undefined : this.#resolveTemplate(child)
  }

  /**
   * Starts a child and gives its handle.
   *
   * @param args what the template's `start`, or the actor's `init`, takes, also at each restart; or a spec
   * @throws BERYL_ERR_MAX_CHILDREN, BERYL_ERR_CHILD_SPEC, BERYL_ERR_START_FAILED; then there is no child
   */
  startChild<S extends StartResult>(this: SpecPool, init: ChildInit<S>): Promise<HandleOf<S>>
  startChild(...args: A): Promise<HandleOf<R>>
  startChild(...args: readonly unknown[]): Promise<unknown> {
    return this.request(() => this.#startChild(args))
  }

  /**
   * Stops a child by its rule; it is gone then.
   *
   * @param handle what `startChild` gave: the current one, or, while the child is being restarted, the last one
   * @throws BERYL_ERR_CHILD_NOT_FOUND
   */
  terminateChild(handle: unknown): Promise<void> {
    return this.request(async () => {
      const child = this.#find(handle)
      this.cancelRetry(child)
      const deadlines = new Deadlines(this.clock)
      await child.stop(deadlines)
      deadlines.cancel()
      this.#remove(child)
    })
  }

  /** The handle itself while its child runs; `undefined` while that is being restarted, and for what is no child. */
  which(handle: HandleOf<R>): HandleOf<R> | undefined {
    return this.#children.get(handle)?.handle as HandleOf<R> | undefined
  }

  /**
   * All children; the order means nothing, and so does the id, which counts the starts.
   *
   * @throws BERYL_ERR_NOPROC once it has ended
   */
  children(): ChildInfo[] {
    this.checkAlive()
    return Array.from(this.#children.values(), ({ info }) => info)
  }

  /** @throws BERYL_ERR_NOPROC once it has ended */
  count(): ChildCount {
    this.checkAlive()
    let active = 0
    let supervisors = 0
    for (const child of this.#children.values()) {
      if (child.process !== undefined) active += 1
      if (child.policy.type === 'supervisor') supervisors += 1
    }
    const specs = this.#children.size
    return { specs, active, supervisors, workers: specs - supervisors }
  }

  /**
   * Sends a child an exit signal from outside: its supervisor treats the end as any other. `'normal'` does nothing.
   *
   * @throws BERYL_ERR_CHILD_NOT_FOUND, BERYL_ERR_NOPROC
   */
  exitChild(handle: unknown, reason: ExitReason = 'killed'): void {
    this.checkAlive()
    checkReason('exitChild', reason)
    this.#find(handle).exit(reason)
  }

  protected override async startChildren(): Promise<StartOutcome> {
    return undefined
  }

  protected override async restart(failed: DynamicChild): Promise<void> {
    // Until it runs again it keeps its place under its last handle.
    if (failed.waitMs > 0) this.wait([failed], failed.waitMs)
    else await this.#startAgain(failed)
  }

  protected override async resume(children: readonly DynamicChild[]): Promise<void> {
    for (const child of children) await this.#startAgain(child)
  }

  protected override ended(child: DynamicChild): void {
    this.#remove(child)
  }

  /** There are none: they belong to `autoShutdown`. */
  protected override significantAlive(): boolean {
    return false
  }

  protected override async terminateChildren(): Promise<void> {
    const deadlines = new Deadlines(this.clock)
    await Promise.all(Array.from(this.#children.values(), (child) => child.stop(deadlines)))
    deadlines.cancel()
    this.#children.clear()
  }

  protected override killChildren(): void {
    for (const child of this.#children.values()) child.kill()
  }

  protected override interruptStart(): void {
    for (const child of this.#children.values()) child.interrupt()
  }

  protected override details(): ProcessDetails {
    const listed: DynamicChild[] = []
    for (const child of this.#children.values()) {
      if (listed.length === LISTED_CHILDREN) break
      listed.push(child)
    }
    const omitted = this.#children.size - listed.length
    return {
      note: 'dynamic',
      children: listed.map((child) => child.inspect()),
      ...(omitted > 0 && { omitted }),
    }
  }

  async #startAgain(child: DynamicChild): Promise<void> {
    const failure = await child.start()
    if (this.state === 'exited') return child.kill()
    if (failure === undefined) this.#adopt(child)
    else this.retryLater(child, failure)
  }

  #resolveTemplate(child: ChildTemplate<A, R>): Template {
    checkKeys(this.path, 'the child', child, ['start', ...POLICY_KEYS])
    if (typeof child.start !== 'function')
      refuseSpec(this.path, 'start of the child', 'a function', child.start)
    const policy = resolvePolicy(child, this.path, 'the child')
    checkSignificant(policy, this.flags.autoShutdown, this.path, 'the child')
    const start = (context: StartContext, ...args: readonly unknown[]): MaybePromise<StartResult> =>
      child.start(context, ...(args as A))
    return Object.freeze({ ...policy, start })
  }

  #resolveSpec(init: unknown): Template {
    const spec = resolveChildSpec(init as ChildInit, this.path)
    checkSignificant(spec, this.flags.autoShutdown, this.path, `child '${spec.id}'`)
    return spec
  }

  #startChild(args: readonly unknown[]): MaybePromise<unknown> {
    const template = this.#template ?? this.#resolveSpec(args[0])
    if (this.#children.size >= this.#maxChildren)
      throw berylError('BERYL_ERR_MAX_CHILDREN', this.path, this.#maxChildren)
    this.#started += 1
    const child = new DynamicChild(this, template, this.#started, args)
    const outcome = child.start()
    if (this.#template === undefined) child.forgetStart()
    if (!(outcome instanceof Promise)) return this.#settle(child, outcome)
    this.#keep(child, child)
    return outcome.then((failure) => this.#settle(child, failure))
  }

  #settle(child: DynamicChild, failure: StartOutcome): unknown {
    // A listener that heard of the start may have killed this supervisor.
    if (this.state === 'exited') child.kill()
    else if (failure === undefined) return this.#adopt(child)
    this.#remove(child)
    this.checkAlive()
    throw startFailed(child.path, failure as StartFailure)
  }

  /** After a start that succeeded: nothing stays of a child that had nothing to run. */
  #adopt(child: DynamicChild): unknown {
    const { handle } = child
    if (child.state === 'running') this.#keep(child, handle)
    else this.#remove(child)
    return handle
  }

  #find(handle: unknown): DynamicChild {
    const child = this.#children.get(handle)
    if (child === undefined) throw berylError('BERYL_ERR_CHILD_NOT_FOUND', this.path, show(handle))
    return child
  }

  #keep(child: DynamicChild, key: unknown): void {
    this.#remove(child)
    // A handle that another child has already cannot address this one.
    child.key = key === undefined || this.#children.has(key) ? child : key
    this.#children.set(child.key, child)
  }

  #remove(child: DynamicChild): void {
    if (this.#children.get(child.key) === child) this.#children.delete(child.key)
  }
}

export type DynamicOptions =
  | ActorPoolOptions<Actor>
  | TemplateOptions<readonly never[], StartResult>
  | SpecPoolOptions

/** Makes a dynamic supervisor that is not started yet. @internal */
export function makeDynamicSupervisor(options: DynamicOptions, parent?: StartContext): DynamicSupervisor {
  if (typeof options !== 'object' || typeof options?.child !== 'function')
    return new DynamicSupervisor(options as SpecPoolOptions, parent)
  const { child, ...rest } = options
  const isActor = child.prototype instanceof Actor
  check(
    isActor,
    parent?.path ?? rest.name ?? 'supervisor',
    'child',
    'a class of actors, or a template',
    child,
  )
  return new DynamicSupervisor({ ...rest, child: actorTemplate(child) }, parent)
}

function actorTemplate(actorClass: ActorClass<Actor>): ChildTemplate<readonly never[]> {
  const { restart, shutdownMs, startTimeoutMs, backoff } = actorClass
  return {
    restart,
    shutdownMs,
    startTimeoutMs,
    backoff,
    start: (context, ...args) => Actor.launch(actorClass, context, args),
  }
}

/**
 * Starts a dynamic supervisor, without children. Its children are actors of one class (`child: Counter`), or of one
 * template (`child: { start: (context, ...args) => … }`), or each given as a spec (no `child`).
 *
 * @throws BERYL_ERR_CHILD_SPEC, BERYL_ERR_ALREADY_STARTED when the name is taken
 */
export function startDynamicSupervisor<T extends Actor>(
  options: ActorPoolOptions<T>,
): Promise<DynamicSupervisor<InitArgs<T>, ActorStart<T>>>
export function startDynamicSupervisor<A extends readonly unknown[], R extends StartResult>(
  options: TemplateOptions<A, R>,
): Promise<DynamicSupervisor<A, R>>
export function startDynamicSupervisor(options?: SpecPoolOptions): Promise<SpecPool>
export function startDynamicSupervisor(options: DynamicOptions = {}): Promise<unknown> {
  return startAnyDynamic(options)
}

/** The same, for options of any kind. @internal */
export async function startAnyDynamic(options: DynamicOptions): Promise<DynamicSupervisor> {
  checkReadable('startDynamicSupervisor', options)
  const started = makeDynamicSupervisor(options)
  await started.boot()
  return started
}
