import { Child, type ChildOwner } from './child.ts'
import type { ChildPolicy, ChildSpec } from './child-spec.ts'
import type { MaybePromise, StartContext, StartResult } from './process.ts'

/** A child of a static supervisor: one that has a spec of its own. */
export class SpecChild extends Child {
  readonly spec: ChildSpec

  constructor(owner: ChildOwner, spec: ChildSpec) {
    super(owner)
    this.spec = spec
  }

  override get id(): string {
    return this.spec.id
  }

  override get policy(): ChildPolicy {
    return this.spec
  }

  protected override launch(context: StartContext): MaybePromise<StartResult> {
    return this.spec.start(context)
  }
}
