/**
 * A small model of a tree of supervisors, written from the numbered semantics: no promises, no processes, one plain queue.
 * The lines of its journal must be those of the real tree.
 */
import type { AutoShutdown, Restart, Strategy } from '../../src/supervision/index.ts'

export interface LeafPlan {
  readonly kind: 'leaf'
  readonly id: string
  readonly restart: Restart
  readonly significant: boolean
  /** Which of its starts fail: 1 is the first. */
  readonly failing: readonly number[]
}

export interface TreePlan {
  readonly kind: 'tree'
  readonly id: string
  readonly restart: Restart
  readonly strategy: Strategy
  readonly intensity: number
  readonly periodMs: number
  readonly autoShutdown: AutoShutdown
  readonly children: readonly (LeafPlan | TreePlan)[]
}

/** Shared by all nodes of one model. */
export interface World {
  readonly journal: string[]
  readonly starts: Map<string, number>
  now: number
}

type Exit = 'normal' | 'abnormal'

interface Slot {
  readonly plan: LeafPlan | TreePlan
  /** `dead`: it ended, and its supervisor did not look at that yet. */
  state: 'running' | 'stopped' | 'dead' | 'restarting'
  tree: ModelTree | undefined
}

interface Pending {
  readonly slot: Slot
  readonly exit: Exit | 'retry'
}

export class ModelTree {
  readonly plan: TreePlan
  readonly slots: Slot[]
  ended: Exit | undefined = undefined
  readonly #world: World
  readonly #queue: Pending[] = []
  #times: number[] = []

  constructor(plan: TreePlan, world: World) {
    this.plan = plan
    this.#world = world
    this.slots = plan.children.map((child) => ({ plan: child, state: 'stopped', tree: undefined }))
  }

  /** S8, S11: in order; on a failure those before it are stopped. @returns whether it runs */
  start(): boolean {
    for (const slot of [...this.slots]) if (!this.#start(slot)) return this.stop()
    return true
  }

  /** S46. @returns that it does not run */
  stop(): false {
    for (const slot of [...this.slots].reverse()) this.#stop(slot)
    this.ended ??= 'normal'
    return false
  }

  /** Children end by themselves, at the same time. */
  crash(ids: readonly string[], exit: Exit): void {
    for (const id of ids) {
      const slot = this.#find(id)
      if (slot?.state !== 'running' || slot.tree !== undefined) continue
      this.#world.journal.push(`!${id}`)
      slot.state = 'dead'
      this.#queue.push({ slot, exit })
    }
    this.work()
  }

  /** Serves what waits, here and below: first the inner supervisors, whose ends are exits here. */
  work(): void {
    for (
      let next = this.#queue.shift();
      next !== undefined && this.ended === undefined;
      next = this.#queue.shift()
    )
      this.#serve(next)
  }

  /** Notices inner supervisors that ended. */
  notice(): void {
    for (const slot of this.slots) {
      slot.tree?.notice()
      if (slot.state !== 'running' || slot.tree?.ended === undefined) continue
      slot.state = 'dead'
      this.#queue.push({ slot, exit: slot.tree.ended })
    }
    this.work()
  }

  startChild(plan: LeafPlan): string {
    const present = this.#find(plan.id)
    if (present !== undefined)
      return present.state === 'running' ? 'BERYL_ERR_ALREADY_STARTED' : 'BERYL_ERR_CHILD_PRESENT'
    const slot: Slot = { plan, state: 'stopped', tree: undefined }
    this.slots.push(slot)
    if (this.#start(slot)) return 'ok'
    this.slots.pop()
    return 'BERYL_ERR_START_FAILED'
  }

  terminateChild(id: string): string {
    const slot = this.#find(id)
    if (slot === undefined) return 'BERYL_ERR_CHILD_NOT_FOUND'
    this.#stop(slot)
    return 'ok'
  }

  restartChild(id: string): string {
    const slot = this.#find(id)
    if (slot === undefined) return 'BERYL_ERR_CHILD_NOT_FOUND'
    if (slot.state === 'running') return 'BERYL_ERR_CHILD_RUNNING'
    return this.#start(slot) ? 'ok' : 'BERYL_ERR_START_FAILED'
  }

  deleteChild(id: string): string {
    const slot = this.#find(id)
    if (slot === undefined) return 'BERYL_ERR_CHILD_NOT_FOUND'
    if (slot.state === 'running') return 'BERYL_ERR_CHILD_RUNNING'
    this.#remove(slot)
    return 'ok'
  }

  /** The nodes that must be listed: ids in order, with their states, all the way down. */
  listing(): string[] {
    return this.slots.flatMap(({ plan, state, tree }) => [
      `${plan.id} ${state}`,
      ...(state === 'running' && tree !== undefined ? tree.listing() : []),
    ])
  }

  #find(id: string): Slot | undefined {
    return this.slots.find(({ plan }) => plan.id === id)
  }

  #remove(slot: Slot): void {
    this.slots.splice(this.slots.indexOf(slot), 1)
  }

  #start(slot: Slot): boolean {
    const runs = slot.plan.kind === 'leaf' ? this.#startLeaf(slot.plan) : this.#startTree(slot, slot.plan)
    slot.state = runs ? 'running' : 'stopped'
    return runs
  }

  #startLeaf({ id, failing }: LeafPlan): boolean {
    const nth = (this.#world.starts.get(id) ?? 0) + 1
    this.#world.starts.set(id, nth)
    const fails = failing.includes(nth)
    this.#world.journal.push(`${fails ? '?' : '+'}${id}`)
    return !fails
  }

  #startTree(slot: Slot, plan: TreePlan): boolean {
    slot.tree = new ModelTree(plan, this.#world)
    return slot.tree.start()
  }

  #stop(slot: Slot): void {
    if (slot.state === 'running') {
      if (slot.tree !== undefined) slot.tree.stop()
      else this.#world.journal.push(`-${slot.plan.id}`, `~${slot.plan.id}`)
    }
    slot.state = 'stopped'
    if (slot.plan.restart === 'temporary') this.#remove(slot)
  }

  #serve({ slot, exit }: Pending): void {
    if (exit === 'retry') {
      if (slot.state === 'restarting') this.#restart(slot)
      return
    }
    // S25: a group step that came between has absorbed the exit.
    if (slot.state !== 'dead') return
    slot.state = 'stopped'
    const { restart } = slot.plan
    if (restart === 'permanent' || (restart === 'transient' && exit === 'abnormal'))
      return this.#restart(slot)
    if (restart === 'temporary') this.#remove(slot)
    this.#autoShutdown(slot)
  }

  #autoShutdown({ plan }: Slot): void {
    if (plan.kind === 'tree' || !plan.significant) return
    const othersAlive = this.slots.some(
      (slot) => slot.plan.kind === 'leaf' && slot.plan.significant && slot.state !== 'stopped',
    )
    if (this.plan.autoShutdown === 'any_significant' || !othersAlive) this.stop()
  }

  #restart(failed: Slot): void {
    const { strategy, intensity, periodMs } = this.plan
    this.#times = [...this.#times, this.#world.now].filter((time) => this.#world.now - time <= periodMs)
    if (this.#times.length > intensity) return void this.stop()
    const from = strategy === 'one_for_all' ? 0 : this.slots.indexOf(failed)
    const group = strategy === 'one_for_one' ? [failed] : this.slots.slice(from)
    for (const slot of [...group].reverse()) this.#stop(slot)
    for (const slot of group.filter((member) => this.slots.includes(member)))
      if (!this.#start(slot)) {
        slot.state = 'restarting'
        this.#queue.push({ slot, exit: 'retry' })
        return
      }
  }
}
