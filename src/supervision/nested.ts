import type { Actor, ActorStart, InitArgs } from './actor.ts'
import type { ChildInit, ChildPolicy } from './child-spec.ts'
import {
  type ActorPoolOptions,
  type DynamicSupervisor,
  makeDynamicSupervisor,
  type SpecPool,
  type SpecPoolOptions,
  type TemplateOptions,
} from './dynamic-supervisor.ts'
import type { StartContext, StartResult } from './process.ts'
import { Supervisor, type SupervisorOptions } from './supervisor.ts'
import type { CommonOptions } from './supervisor-flags.ts'

/**
 * A static supervisor as a child: its start is that of its whole subtree. Permanent, waited for without limit when it
 * stops, unless `policy` says otherwise. Clock and `report` are those of the tree around it unless it has its own.
 */
export function supervisor<const I extends string, const C extends readonly ChildInit[]>(
  id: I,
  options: SupervisorOptions<C>,
  policy: Partial<ChildPolicy> = {},
): ChildInit<Supervisor<C>, I> {
  return {
    type: 'supervisor',
    ...policy,
    id,
    async start(context) {
      const nested = new Supervisor(options, context)
      warnOfLoop(options, policy, context)
      await nested.boot()
      return nested
    },
  }
}

/** A dynamic supervisor as a child: {@link startDynamicSupervisor}'s options under an id. */
export function dynamicSupervisor<const I extends string, T extends Actor>(
  id: I,
  options: ActorPoolOptions<T>,
  policy?: Partial<ChildPolicy>,
): ChildInit<DynamicSupervisor<InitArgs<T>, ActorStart<T>>, I>
export function dynamicSupervisor<
  const I extends string,
  A extends readonly unknown[],
  R extends StartResult,
>(id: I, options: TemplateOptions<A, R>, policy?: Partial<ChildPolicy>): ChildInit<DynamicSupervisor<A, R>, I>
export function dynamicSupervisor<const I extends string>(
  id: I,
  options?: SpecPoolOptions,
  policy?: Partial<ChildPolicy>,
): ChildInit<SpecPool, I>
export function dynamicSupervisor<const I extends string>(
  id: I,
  options: Parameters<typeof makeDynamicSupervisor>[0] = {},
  policy: Partial<ChildPolicy> = {},
): ChildInit<StartResult, I> {
  return {
    type: 'supervisor',
    ...policy,
    id,
    async start(context) {
      const nested = makeDynamicSupervisor(options, context)
      await nested.boot()
      return nested
    },
  }
}

function warnOfLoop(
  { autoShutdown = 'never' }: CommonOptions,
  { restart = 'permanent' }: Partial<ChildPolicy>,
  context: StartContext,
): void {
  if (autoShutdown === 'never' || restart !== 'permanent') return
  const message = `'${context.path}' shuts itself down by autoShutdown and, being permanent, is started again each time`
  context.report({ type: 'warning', supervisor: context.path, message })
}
