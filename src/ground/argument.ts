import { berylError, show } from './errors.ts'
import { isName, MAX_NAME_BYTES } from './name.ts'

// Checks of arguments of the public functions, where no type checker looked. Each refuses with the name of the function,
// the argument, what was wanted and what came, and nothing has happened by then.

/** @throws `BERYL_ERR_ARGUMENT` */
export function refuseArgument(call: string, argument: string, wanted: string, got: unknown): never {
  throw berylError('BERYL_ERR_ARGUMENT', call, argument, wanted, show(got))
}

const NAME = `a well-formed string of 1 to ${MAX_NAME_BYTES} bytes`

/** A topic, an event, an id, a group: whatever has to fit one length byte of a frame. On the hot path. */
export function checkName(call: string, argument: string, value: unknown): asserts value is string {
  if (!isName(value)) refuseArgument(call, argument, NAME, value)
}

export function checkString(call: string, argument: string, value: unknown): asserts value is string {
  if (typeof value !== 'string') refuseArgument(call, argument, 'a string', value)
}

export function checkFunction(call: string, argument: string, value: unknown): void {
  if (typeof value !== 'function') refuseArgument(call, argument, 'a function', value)
}

/** True for a whole number from 0. */
export function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

/**
 * The fields of an object, read once: a copy. `undefined` for what is none, as an array, a `Date` or a promise is none, and
 * for one that throws when it is read.
 */
export function readFields(value: unknown): Readonly<Record<string, unknown>> | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  try {
    return Object.prototype.toString.call(value) === '[object Object]' ? { ...value } : undefined
  } catch {
    return undefined
  }
}

/** Gives an object its methods as properties of its own, so that one that is taken out still works. For what there is one of. */
export function bindMethods<T extends object>(object: T): T {
  for (
    let type = Object.getPrototypeOf(object);
    type !== Object.prototype;
    type = Object.getPrototypeOf(type)
  ) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(type)))
      if (name !== 'constructor' && typeof value === 'function' && !Object.hasOwn(object, name))
        Object.defineProperty(object, name, { value: value.bind(object), configurable: true, writable: true })
  }
  return object
}

/** True where it is an object, or a function, whose properties of these names are functions. */
export function hasMethods<T>(value: unknown, names: readonly (keyof T & string)[]): value is T {
  try {
    const isObject = (typeof value === 'object' && value !== null) || typeof value === 'function'
    return isObject && names.every((name) => typeof Reflect.get(value, name) === 'function')
  } catch {
    // A value that throws when it is read has none.
    return false
  }
}
