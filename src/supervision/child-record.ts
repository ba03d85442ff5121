import type { Clock } from '../ground/clock.ts'
import { promised } from '../ground/foreign.ts'
import type { Backoff } from './backoff.ts'
import { check } from './check.ts'
import type { ChildPolicy } from './child-spec.ts'
import type { Report, SupervisorEvent } from './events.ts'
import { Pace } from './pace.ts'
import type { ChildState, TreeNode } from './process.ts'
import type { TimeLimit } from './time-limit.ts'

/** The supervisor, as far as a record needs it. */
export interface RecordOwner {
  readonly path: string
  readonly clock: Clock
  readonly report: Report | undefined
  /** That of children that have none of their own. */
  readonly backoff: Backoff | undefined
}

/** Parts that hardly any child ever has. */
interface Rare {
  limit: TimeLimit | undefined
  abandoned: number
  stillRunning: number
  isHinted: boolean
  /** Of a child with a back-off, and of those that wait with one. */
  pace: Pace | undefined
}

/**
 * The record of a child over all of its lives: its starts, what was abandoned, its waits, and what is told of it. It starts and
 * stops nothing.
 *
 * A class to extend, not a part to hold: there may be 100,000 children.
 */
export abstract class ChildRecord<O extends RecordOwner> {
  protected readonly owner: O
  state: ChildState = 'stopped'
  #starts = 0
  #rare: Rare | undefined = undefined

  constructor(owner: O) {
    this.owner = owner
  }

  abstract get id(): string
  abstract get policy(): ChildPolicy

  get path(): string {
    return `${this.owner.path}/${this.id}`
  }

  get clock(): Clock {
    return this.owner.clock
  }

  get report(): Report | undefined {
    return this.owner.report
  }

  /** The milliseconds before which it is not to be started. */
  get waitMs(): number {
    return this.#rare?.pace?.waitMs ?? 0
  }

  /**
   * Counts a restart that is about to be tried.
   *
   * @returns whether it has a back-off; then `waitMs` is its wait
   */
  backOff(): boolean {
    const backoff = this.#backoff
    if (backoff === undefined) return false
    const pace = this.#pace()
    const delayMs = pace.next(backoff)
    if (delayMs === 0) return true
    this.wait(delayMs)
    this.tell({ type: 'child_backing_off', ...this.named(), delayMs, inARow: pace.inARow })
    return true
  }

  /** It is not started before `ms` from now. */
  wait(ms: number): void {
    this.state = 'restarting'
    this.#pace().wait(ms)
  }

  waitNoMore(): void {
    this.#rare?.pace?.waitNoMore()
  }

  abandoned(rest: Promise<unknown>, incarnation: number): void {
    const settles = promised(rest)
    check(settles !== undefined, this.path, 'what was abandoned', 'a promise', rest)
    const rare = this.#makeRare()
    rare.abandoned += 1
    rare.stillRunning += 1
    const name = { ...this.named(), incarnation }
    this.tell({ type: 'child_abandoned', ...name })
    const settled = (): void => {
      rare.stillRunning -= 1
      this.tell({ type: 'abandoned_settled', ...name })
    }
    settles?.then(settled, settled)
  }

  /** A start is about to be tried. @returns the incarnation that it makes */
  protected countStart(): number {
    this.waitNoMore()
    this.#starts += 1
    return this.#starts
  }

  /** It runs. */
  protected began(): void {
    if (this.#backoff !== undefined) this.#pace().began()
  }

  /** It runs no more, or never did. */
  protected over(): void {
    const backoff = this.#backoff
    if (backoff !== undefined) this.#rare?.pace?.ended(backoff)
  }

  /** The time that a pending start has left. */
  protected get startLimit(): TimeLimit | undefined {
    return this.#rare?.limit
  }

  protected set startLimit(limit: TimeLimit | undefined) {
    this.#makeRare().limit = limit
  }

  protected tell(event: SupervisorEvent): void {
    this.owner.report?.(event)
  }

  protected named(): { supervisor: string; id: string; incarnation: number } {
    return { supervisor: this.owner.path, id: this.id, incarnation: this.#starts }
  }

  /** Told once: most likely its author took the end of the function for the end of the start. */
  protected hint(): void {
    if (this.policy.restart !== 'permanent') return
    const rare = this.#makeRare()
    if (rare.isHinted) return
    rare.isHinted = true
    this.tell({ type: 'warning', supervisor: this.owner.path, message: returnedAtOnce(this.path) })
  }

  /** Its part of the picture of the tree. */
  protected record(): Omit<TreeNode, 'children' | 'since'> {
    const startsInMs = this.#rare?.pace?.waitMs
    return {
      id: this.id,
      type: this.policy.type,
      state: this.state,
      restarts: Math.max(0, this.#starts - 1),
      ...(startsInMs !== undefined && { startsInMs }),
      abandoned: this.#rare?.abandoned ?? 0,
      stillRunning: this.#rare?.stillRunning ?? 0,
    }
  }

  get #backoff(): Backoff | undefined {
    return (this.policy.backoff ?? this.owner.backoff) || undefined
  }

  #pace(): Pace {
    const rare = this.#makeRare()
    rare.pace ??= new Pace(this.clock)
    return rare.pace
  }

  #makeRare(): Rare {
    this.#rare ??= { limit: undefined, abandoned: 0, stillRunning: 0, isHinted: false, pace: undefined }
    return this.#rare
  }
}

function returnedAtOnce(path: string): string {
  return (
    `'${path}' returned at once, and being permanent it is started again each time: ` +
    "await stopped() where it lives of its timers and listeners, or give it restart: 'transient' where it has done its work"
  )
}
