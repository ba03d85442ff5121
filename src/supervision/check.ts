import { readFields, refuseArgument } from '../ground/argument.ts'
import { berylError, show } from '../ground/errors.ts'

// The refusals of this part of the library: who was asked, the field, what was wanted, what came.

/** @throws BERYL_ERR_CHILD_SPEC */
export function refuseSpec(owner: string, field: string, wanted: string, got: unknown): never {
  throw berylError('BERYL_ERR_CHILD_SPEC', owner, field, wanted, show(got))
}

/** @throws BERYL_ERR_CHILD_SPEC unless `valid` */
export function check(valid: boolean, owner: string, field: string, wanted: string, got: unknown): void {
  if (!valid) refuseSpec(owner, field, wanted, got)
}

/** Refuses what is no object, and the keys of a plain one that mean nothing: a typo would be a default. */
export function checkKeys(owner: string, field: string, value: unknown, allowed: readonly string[]): void {
  const fields = readFields(value) ?? refuseSpec(owner, field, `an object with ${allowed.join(', ')}`, value)
  const prototype: unknown = Object.getPrototypeOf(value)
  // An instance of a class may have more to it.
  if (prototype !== Object.prototype && prototype !== null) return
  for (const key of Object.keys(fields))
    if (!allowed.includes(key)) refuseSpec(owner, field, `none but the keys ${allowed.join(', ')}`, key)
}

/** Refuses options that are none, or throw when they are read. @throws BERYL_ERR_CHILD_SPEC */
export function checkReadable(call: string, options: unknown): void {
  if (readFields(options) === undefined) refuseSpec(call, 'options', 'an object', options)
}

/** Refuses an argument that is no string: ids and names. @throws BERYL_ERR_ARGUMENT */
export function checkNonEmpty(call: string, argument: string, value: unknown): asserts value is string {
  if (typeof value !== 'string' || value === '') refuseArgument(call, argument, 'a non-empty string', value)
}

/** As `instanceof`, which a proxy may make throw. */
export function isInstance(value: unknown, of: abstract new (...args: never[]) => unknown): boolean {
  try {
    return value instanceof of
  } catch {
    return false
  }
}

export function isOneOf(value: unknown, allowed: readonly string[]): boolean {
  return typeof value === 'string' && allowed.includes(value)
}

/** Node's timers turn anything longer into 1 ms. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1
export const A_DURATION = `milliseconds from 0 to ${LONGEST_TIMER_MS}, 'infinity'`

export function isMilliseconds(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= LONGEST_TIMER_MS
}

export function isDuration(value: unknown): boolean {
  return value === 'infinity' || isMilliseconds(value)
}
