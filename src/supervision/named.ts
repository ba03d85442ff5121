import type { Actor, ActorStart, InitArgs } from './actor.ts'
import { checkNonEmpty, checkReadable } from './check.ts'
import type { ChildInit } from './child-spec.ts'
import {
  type ActorPoolOptions,
  type DynamicOptions,
  DynamicSupervisor,
  type SpecPool,
  type SpecPoolOptions,
  startAnyDynamic,
  type TemplateOptions,
} from './dynamic-supervisor.ts'
import type { StartResult } from './process.ts'
import { whereis } from './registry.ts'
import { Supervisor, type SupervisorOptions, startSupervisor } from './supervisor.ts'
import { SupervisorProcess } from './supervisor-process.ts'

interface Named {
  readonly name: string
}

/** A supervisor of either kind, whatever its children are. */
export type AnySupervisor = Supervisor | DynamicSupervisor<never, StartResult> | SpecPool

/**
 * The supervisor that holds this name now, of either kind; `undefined` once it has ended. The caller knows which kind it is:
 * `currentSupervisor<SpecPool>('imports')`.
 */
export function currentSupervisor<S extends AnySupervisor = Supervisor>(name: string): S | undefined {
  checkNonEmpty('currentSupervisor', 'name', name)
  const holder = whereis(name)
  return holder instanceof SupervisorProcess ? (holder as unknown as S) : undefined
}

/**
 * The static supervisor that holds the name, or a new one: what `startSupervisor` does, made idempotent. A start that is
 * under way is waited for, and so is the end of one that stops.
 *
 * @throws what {@link startSupervisor} does; BERYL_ERR_ALREADY_STARTED when the name is that of something else
 */
export function supervise<const C extends readonly ChildInit[]>(
  options: SupervisorOptions<C> & Named,
): Promise<Supervisor> {
  return holderOf(options, Supervisor, () => startSupervisor(options))
}

/** The same for a dynamic supervisor: what `startDynamicSupervisor` does, made idempotent. */
export function superviseDynamic<T extends Actor>(
  options: ActorPoolOptions<T> & Named,
): Promise<DynamicSupervisor<InitArgs<T>, ActorStart<T>>>
export function superviseDynamic<A extends readonly unknown[], R extends StartResult>(
  options: TemplateOptions<A, R> & Named,
): Promise<DynamicSupervisor<A, R>>
export function superviseDynamic(options: SpecPoolOptions & Named): Promise<SpecPool>
export function superviseDynamic(options: DynamicOptions & Named): Promise<unknown> {
  return holderOf(options, DynamicSupervisor, () => startAnyDynamic(options))
}

/** No two can come between the look and the start: both are in one turn. */
async function holderOf<S extends Pick<Supervisor, 'untilRunning'>>(
  options: Named,
  kind: abstract new (...args: never) => S,
  start: () => Promise<S>,
): Promise<S> {
  checkReadable('supervise', options)
  const name: unknown = options.name
  checkNonEmpty('supervise', 'name', name)
  for (;;) {
    const holder = whereis(name as string)
    if (!(holder instanceof kind)) return start()
    if (await holder.untilRunning()) return holder
  }
}
