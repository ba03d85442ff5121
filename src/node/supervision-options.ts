import { type Fields, isFunction, refuseOption, section, whole } from '../ground/option-checks.ts'
import type { Intensity, Strategy } from '../supervision/restart-policy.ts'

/** The reaction to a tree that gave up: close the Fastify instance, exit the process with 1, or call back. */
export type OnGiveUp = 'close' | 'exit' | ((error: Error) => void)

/** The rules of the plugin's tree, and of the supervisor `app` of the application's own children. */
export interface SupervisionOptions {
  /** The tree survives so many restarts within `periodMs`. @default 3 */
  readonly intensity?: number | undefined
  /** @default 5000 */
  readonly periodMs?: number | undefined
  /** `'close'` closes the Fastify instance and sets `process.exitCode` to 1. @default 'close' */
  readonly onGiveUp?: OnGiveUp | undefined
  /** When they are too many, `app` ends with its children, and is started again with back-off: the tree goes on. */
  readonly children?:
    | {
        /** The children that are restarted with one that ended. @default 'one_for_one' */
        readonly strategy?: Strategy | undefined
        /** `app` survives so many restarts within `periodMs`. @default 3 */
        readonly intensity?: number | undefined
        /** @default 5000 */
        readonly periodMs?: number | undefined
      }
    | undefined
}

export interface ResolvedSupervision extends Intensity {
  /** `undefined` where it was not said: an embedded tree has none. */
  readonly onGiveUp: OnGiveUp | undefined
  readonly children: Intensity & { readonly strategy: Strategy }
}

/** @throws `BERYL_ERR_OPTION_INVALID` */
export function resolveSupervision(value: unknown): ResolvedSupervision {
  const given = section('supervision', value, ['intensity', 'periodMs', 'onGiveUp', 'children'])
  const children = section('supervision.children', given.children, ['strategy', 'intensity', 'periodMs'])
  return Object.freeze({
    ...intensityOf('supervision', given),
    onGiveUp: giveUpOf(given.onGiveUp),
    children: Object.freeze({
      ...intensityOf('supervision.children', children),
      strategy: strategyOf(children.strategy),
    }),
  })
}

function intensityOf(field: string, given: Fields): Intensity {
  return {
    intensity: whole(`${field}.intensity`, given.intensity, 3, 0),
    periodMs: whole(`${field}.periodMs`, given.periodMs, 5_000, 1),
  }
}

function giveUpOf(onGiveUp: unknown): OnGiveUp | undefined {
  if (onGiveUp === undefined) return undefined
  if (onGiveUp === 'close' || onGiveUp === 'exit' || isFunction<(error: Error) => void>(onGiveUp))
    return onGiveUp
  return refuseOption('supervision.onGiveUp', "'close', 'exit' or a function", onGiveUp)
}

function strategyOf(strategy: unknown): Strategy {
  switch (strategy) {
    case undefined:
      return 'one_for_one'
    case 'one_for_one':
    case 'one_for_all':
    case 'rest_for_one':
      return strategy
  }
  return refuseOption(
    'supervision.children.strategy',
    "'one_for_one', 'one_for_all' or 'rest_for_one'",
    strategy,
  )
}
