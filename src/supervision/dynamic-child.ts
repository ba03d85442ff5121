import { Child, type ChildOwner } from './child.ts'
import type { ChildPolicy } from './child-spec.ts'
import type { MaybePromise, StartContext, StartResult } from './process.ts'
import { startedOnce } from './spec-child.ts'

/** The start of all children of a dynamic supervisor: the arguments of `startChild` follow the context. */
export interface ChildTemplate<A extends readonly unknown[], R extends StartResult = StartResult>
  extends Partial<ChildPolicy> {
  readonly start: (context: StartContext, ...args: A) => MaybePromise<R>
}

const NO_ARGUMENTS: readonly unknown[] = []

/** A template, checked and filled in. */
export type Template = ChildPolicy & ChildTemplate<readonly unknown[]>

/** One child: the template, shared by all, and the arguments, kept for its restarts. */
export class DynamicChild extends Child {
  override policy: Template
  /** Under which it stands in its supervisor's map: its handle while it runs, itself while it does not. */
  key: unknown = this
  readonly #ordinal: number
  #args: readonly unknown[]

  constructor(owner: ChildOwner, template: Template, ordinal: number, args: readonly unknown[]) {
    super(owner)
    this.policy = template
    this.#ordinal = ordinal
    this.#args = args
  }

  override get id(): string {
    return `#${this.#ordinal}`
  }

  protected override launch(context: StartContext): MaybePromise<StartResult> {
    const args = this.#args
    const { start, restart } = this.policy
    if (restart === 'temporary') this.#args = NO_ARGUMENTS
    return start(context, ...args)
  }

  /** Lets go of a start of its own that is never called again. */
  forgetStart(): void {
    if (this.policy.restart !== 'temporary') return
    const { start: _, ...policy } = this.policy
    this.policy = { ...policy, start: startedOnce }
  }
}
