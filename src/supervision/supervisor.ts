import { berylError } from '../ground/errors.ts'
import { checkNonEmpty, checkReadable, refuseSpec } from './check.ts'
import type { ChildInfo } from './child.ts'
import { type ChildInit, type ChildSpec, checkSignificant, resolveChildSpec } from './child-spec.ts'
import { checkReason, type ExitReason } from './exit-reason.ts'
import type { HandleOf, ProcessDetails, StartResult } from './process.ts'
import { restartGroup, type Strategy } from './restart-policy.ts'
import { SpecChild } from './spec-child.ts'
import { StartFailure, type StartOutcome, startFailed } from './start-failure.ts'
import { type CommonOptions, checkSupervisorOptions, resolveStrategy } from './supervisor-flags.ts'
import { type ChildCount, SupervisorProcess, type Surroundings } from './supervisor-process.ts'
import { Deadlines } from './time-limit.ts'

/** The options of a static supervisor. */
export interface SupervisorOptions<C extends readonly ChildInit[] = readonly ChildInit[]>
  extends CommonOptions {
  /** The children that are restarted with one that ended. @default 'one_for_one' */
  readonly strategy?: Strategy | undefined
  /** In start order. Stopped in the reverse of it. @default none */
  readonly children?: C | undefined
}

type IdIn<C extends readonly ChildInit[]> = C[number]['id']

/** The handle of the child with this id, as far as the list of children tells. */
type HandleIn<C extends readonly ChildInit[], I extends string> = HandleOfInit<
  [Extract<C[number], { readonly id: I }>] extends [never]
    ? NamedByClass<C[number], I>
    : Extract<C[number], { readonly id: I }>
>

/** The actors whose id is the name of their class, where that may be this one. */
type NamedByClass<S, I extends string> = S extends { readonly id: infer J extends string }
  ? string extends J
    ? never
    : I extends J
      ? S
      : never
  : never

type HandleOfInit<T> = [T] extends [never] ? unknown : T extends ChildInit<infer R> ? HandleOf<R> : unknown

/**
 * A static supervisor: children with ids, in an order. Made by {@link startSupervisor}.
 *
 * Requests (`startChild`, `terminateChild`, `restartChild`, `deleteChild`) are served one at a time, in the order in
 * which they came, between exits and retries; once the supervisor stops they fail with BERYL_ERR_NOPROC. The looks
 * (`children`, `which`, `count`, `spec`, `inspect`) are synchronous and show this very moment.
 */
export class Supervisor<
  C extends readonly ChildInit[] = readonly ChildInit[],
> extends SupervisorProcess<SpecChild> {
  readonly #strategy: Strategy
  /** In start order: a Map keeps it, and a restart keeps the place. */
  readonly #children = new Map<string, SpecChild>()

  constructor(options: SupervisorOptions<C>, parent?: Surroundings) {
    super(checkSupervisorOptions(options, ['strategy', 'children']), parent)
    this.#strategy = resolveStrategy(this.path, options.strategy)
    const children: unknown = options.children ?? []
    if (!Array.isArray(children)) refuseSpec(this.path, 'children', 'an array of child specs', children)
    for (const init of children) this.#addStatic(init)
  }

  /** All children in start order, also those without a process. @throws BERYL_ERR_NOPROC once it has ended */
  children(): ChildInfo[] {
    this.checkAlive()
    return Array.from(this.#children.values(), ({ info }) => info)
  }

  /** The current handle of a child; `undefined` while it is not running, and for an unknown id. */
  which<I extends IdIn<C>>(id: I): HandleIn<C, I> | undefined
  which(id: string): unknown
  which(id: string): unknown {
    checkNonEmpty('which', 'id', id)
    return this.#children.get(id)?.handle
  }

  /** @throws BERYL_ERR_NOPROC once it has ended */
  count(): ChildCount {
    this.checkAlive()
    const children = [...this.#children.values()]
    const supervisors = children.filter((child) => child.policy.type === 'supervisor').length
    const active = children.filter((child) => child.process !== undefined).length
    return { specs: children.length, active, supervisors, workers: children.length - supervisors }
  }

  /**
   * The spec of a child, with its defaults. That of a temporary child that was started has lost its `start`.
   *
   * @throws BERYL_ERR_CHILD_NOT_FOUND, BERYL_ERR_NOPROC
   */
  spec(id: string): ChildSpec {
    this.checkAlive()
    return this.#find(id).spec
  }

  /**
   * Adds a child at the end of the start order and starts it. A start that fails leaves nothing behind.
   *
   * @returns its handle; `undefined` where `start` said `'ignore'`
   * @throws BERYL_ERR_CHILD_SPEC, BERYL_ERR_ALREADY_STARTED, BERYL_ERR_CHILD_PRESENT, BERYL_ERR_START_FAILED
   */
  startChild<R extends StartResult>(init: ChildInit<R>): Promise<HandleOf<R>> {
    return this.request(async () => {
      const child = this.#add(init)
      const failure = await child.start()
      if (failure !== undefined || (child.state === 'stopped' && child.policy.restart === 'temporary'))
        this.#children.delete(child.id)
      return this.#started(child, failure) as HandleOf<R>
    })
  }

  /**
   * Stops a child by its rule. Its spec is kept, and not started by itself again, unless the child is temporary.
   *
   * @throws BERYL_ERR_CHILD_NOT_FOUND
   */
  terminateChild(id: string): Promise<void> {
    return this.request(async () => {
      const child = this.#find(id)
      await this.#stop(child)
      child.waitNoMore()
    })
  }

  /**
   * Starts a stopped child again, in its old place. A start that fails leaves it stopped and is not counted.
   *
   * @throws BERYL_ERR_CHILD_NOT_FOUND, BERYL_ERR_CHILD_RUNNING, BERYL_ERR_CHILD_RESTARTING, BERYL_ERR_START_FAILED
   */
  restartChild<I extends IdIn<C>>(id: I): Promise<HandleIn<C, I> | undefined>
  restartChild(id: string): Promise<unknown>
  restartChild(id: string): Promise<unknown> {
    return this.request(async () => {
      const child = this.#findStopped(id)
      return this.#started(child, await child.start())
    })
  }

  /**
   * Forgets a stopped child.
   *
   * @throws BERYL_ERR_CHILD_NOT_FOUND, BERYL_ERR_CHILD_RUNNING, BERYL_ERR_CHILD_RESTARTING
   */
  deleteChild(id: string): Promise<void> {
    return this.request(() => {
      this.#children.delete(this.#findStopped(id).id)
    })
  }

  /**
   * Sends a child an exit signal from outside, as Erlang's `exit(Pid, Reason)`: the supervisor then treats its end as
   * any other. Goes past the queue.
   *
   * @param reason `'killed'` does not ask; `'normal'` from outside does nothing. @default 'killed'
   * @throws BERYL_ERR_CHILD_NOT_FOUND, BERYL_ERR_NOPROC
   */
  exitChild(id: string, reason: ExitReason = 'killed'): void {
    this.checkAlive()
    checkReason('exitChild', reason)
    this.#find(id).exit(reason)
  }

  protected override async startChildren(): Promise<StartOutcome> {
    for (const child of [...this.#children.values()]) {
      const failure = await child.start()
      if (failure !== undefined) return new StartFailure(startFailed(child.path, failure))
      if (child.state === 'stopped' && child.policy.restart === 'temporary') this.#children.delete(child.id)
      if (this.ending) return undefined
    }
    return undefined
  }

  protected override async restart(failed: SpecChild): Promise<void> {
    const group = restartGroup(this.#strategy, this.#children.values(), failed)
    await this.#stopAll(group)
    const left = group.filter((child) => this.#children.get(child.id) === child)
    const waitMs = Math.max(...left.map((child) => child.waitMs))
    if (this.#strategy === 'one_for_all' && waitMs > 0) this.wait(left, waitMs)
    else await this.resume(left)
  }

  /** A child of the group may have a wait of its own: those after it wait with it. */
  protected override async resume(group: readonly SpecChild[]): Promise<void> {
    for (const [index, child] of group.entries()) {
      if (this.ending) return
      if (child.waitMs > 0) return this.wait(group.slice(index), child.waitMs)
      const failure = await child.start()
      if (failure !== undefined) return this.retryLater(child, failure)
    }
  }

  protected override ended(child: SpecChild, next: 'keep' | 'remove'): void {
    if (next === 'remove') this.#children.delete(child.id)
  }

  protected override significantAlive(): boolean {
    for (const child of this.#children.values())
      if (child.policy.significant && child.state !== 'stopped') return true
    return false
  }

  protected override terminateChildren(): Promise<void> {
    return this.#stopAll([...this.#children.values()])
  }

  protected override killChildren(): void {
    for (const child of [...this.#children.values()].reverse()) child.kill()
  }

  protected override interruptStart(): void {
    for (const child of this.#children.values()) child.interrupt()
  }

  protected override details(): ProcessDetails {
    return {
      note: this.#strategy,
      children: Array.from(this.#children.values(), (child) => child.inspect()),
    }
  }

  async #stopAll(group: readonly SpecChild[]): Promise<void> {
    for (const child of [...group].reverse()) await this.#stop(child)
  }

  async #stop(child: SpecChild): Promise<void> {
    const deadlines = new Deadlines(this.clock)
    this.cancelRetry(child)
    await child.stop(deadlines)
    deadlines.cancel()
    if (child.policy.restart === 'temporary') this.#children.delete(child.id)
  }

  #addStatic(init: ChildInit): void {
    if (this.#children.has(init?.id)) refuseSpec(this.path, `child '${init.id}'`, 'an id of its own', init.id)
    this.#add(init)
  }

  #add(init: ChildInit): SpecChild {
    const spec = resolveChildSpec(init, this.path)
    checkSignificant(spec, this.flags.autoShutdown, this.path, `child '${spec.id}'`)
    this.#refusePresent(spec.id)
    const child = new SpecChild(this, spec)
    this.#children.set(spec.id, child)
    return child
  }

  #refusePresent(id: string): void {
    const present = this.#children.get(id)
    if (present === undefined) return
    if (present.state === 'stopped') throw berylError('BERYL_ERR_CHILD_PRESENT', this.path, id)
    throw berylError('BERYL_ERR_ALREADY_STARTED', present.path)
  }

  #find(id: string): SpecChild {
    checkNonEmpty(this.path, 'id of a child', id)
    const child = this.#children.get(id)
    if (child === undefined) throw berylError('BERYL_ERR_CHILD_NOT_FOUND', this.path, `'${id}'`)
    return child
  }

  #findStopped(id: string): SpecChild {
    const child = this.#find(id)
    if (child.state === 'restarting') throw berylError('BERYL_ERR_CHILD_RESTARTING', this.path, id)
    if (child.state !== 'stopped') throw berylError('BERYL_ERR_CHILD_RUNNING', this.path, id)
    return child
  }

  #started(child: SpecChild, failure: StartOutcome): unknown {
    if (failure !== undefined) throw startFailed(child.path, failure)
    return child.handle
  }
}

/**
 * Starts a supervisor and its children, in order.
 *
 * @throws BERYL_ERR_CHILD_SPEC before anything is started; BERYL_ERR_ALREADY_STARTED when the name is taken;
 *   BERYL_ERR_START_FAILED when a child did not start: those before it are stopped by then, in reverse order
 */
export async function startSupervisor<const C extends readonly ChildInit[]>(
  options: SupervisorOptions<C>,
): Promise<Supervisor<C>> {
  checkReadable('startSupervisor', options)
  const started = new Supervisor(options)
  await started.boot()
  return started
}
