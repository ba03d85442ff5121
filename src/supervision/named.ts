import { readFields } from '../ground/argument.ts'
import type { Actor, ActorStart, InitArgs } from './actor.ts'
import { checkNonEmpty, isInstance, refuseSpec } from './check.ts'
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

/** True for a supervisor of either kind, running or not: what `which` of an unknown id gave, say. */
export function isSupervisor(value: unknown): value is AnySupervisor {
  return isInstance(value, SupervisorProcess)
}

/**
 * The supervisor that holds this name now, of either kind; `undefined` once it has ended. The caller knows which kind it is:
 * `currentSupervisor<SpecPool>('imports')`.
 */
export function currentSupervisor<S extends AnySupervisor = Supervisor>(name: string): S | undefined {
  checkNonEmpty('currentSupervisor', 'name', name)
  const holder = whereis(name)
  return isSupervisor(holder) ? (holder as S) : undefined
}

/** A dynamic supervisor that is given a spec for each child. The limit is what tells it from a static one. */
type NamedPool = SpecPoolOptions & Required<Pick<SpecPoolOptions, 'maxChildren'>> & Named

interface Static {
  readonly child?: undefined
  readonly maxChildren?: undefined
}

/**
 * The supervisor that holds the name, or a new one: what `startSupervisor` does, or, with `child` or `maxChildren` (which may
 * be `Infinity`), `startDynamicSupervisor`, made idempotent. A start that is under way is waited for, and so is the end of one
 * that stops. The options of one that runs already stay as they are.
 *
 * @throws what the two do; BERYL_ERR_ALREADY_STARTED when the name is that of something else
 */
export function supervise<T extends Actor>(
  options: ActorPoolOptions<T> & Named,
): Promise<DynamicSupervisor<InitArgs<T>, ActorStart<T>>>
export function supervise<A extends readonly unknown[], R extends StartResult>(
  options: TemplateOptions<A, R> & Named,
): Promise<DynamicSupervisor<A, R>>
export function supervise(options: NamedPool): Promise<SpecPool>
export function supervise<const C extends readonly ChildInit[]>(
  options: SupervisorOptions<C> & Named & Static,
): Promise<Supervisor<C>>
export async function supervise(options: (SupervisorOptions | DynamicOptions) & Named): Promise<unknown> {
  const { name, child, maxChildren } =
    readFields(options) ?? refuseSpec('supervise', 'options', 'an object', options)
  checkNonEmpty('supervise', 'name', name)
  const isDynamic = child !== undefined || maxChildren !== undefined
  return isDynamic
    ? holderOf(name, DynamicSupervisor, () => startAnyDynamic(options as DynamicOptions))
    : holderOf(name, Supervisor, () => startSupervisor(options as SupervisorOptions))
}

/** No two can come between the look and the start: both are in one turn. */
async function holderOf<S extends Pick<Supervisor, 'untilRunning'>>(
  name: string,
  kind: abstract new (...args: never) => S,
  start: () => Promise<S>,
): Promise<S> {
  for (;;) {
    const holder = whereis(name)
    if (!(holder instanceof kind)) return start()
    if (await holder.untilRunning()) return holder
  }
}
