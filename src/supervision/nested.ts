import { refuseArgument } from '../ground/argument.ts'
import type { Actor, ActorStart, InitArgs } from './actor.ts'
import { checkNonEmpty } from './check.ts'
import { type ChildInit, type ChildPolicy, checkPolicy } from './child-spec.ts'
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
  checkNested('supervisor', id, options, policy)
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
  checkNested('dynamicSupervisor', id, options, policy)
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

/** The inside of the options is looked at when the supervisor starts: then it has a path to be named by. */
function checkNested(call: string, id: unknown, options: unknown, policy: unknown): void {
  checkNonEmpty(call, 'id', id)
  if (typeof options !== 'object' || options === null) refuseArgument(call, 'options', 'an object', options)
  checkPolicy(call, policy)
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
