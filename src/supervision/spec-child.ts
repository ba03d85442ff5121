import { berylError } from '../ground/errors.ts'
import { Child, type ChildOwner } from './child.ts'
import type { ChildPolicy, ChildSpec } from './child-spec.ts'
import type { MaybePromise, StartContext, StartResult } from './process.ts'

/** A child of a static supervisor: one that has a spec of its own. */
export class SpecChild extends Child {
  spec: ChildSpec

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
    const { start } = this.spec
    // It is never started again: what its start closes over would live as long as it does.
    if (this.spec.restart === 'temporary') this.spec = Object.freeze({ ...this.spec, start: startedOnce })
    return start(context)
  }
}

/** Stands for the start of a temporary child, which is not kept. */
export function startedOnce({ path }: StartContext): never {
  throw berylError('BERYL_ERR_NOPROC', path)
}
