import { isRegExp, isUint8Array } from 'node:util/types'
import { refuseArgument } from '../ground/argument.ts'
import { promised } from '../ground/foreign.ts'

/**
 * A pattern for values: an object says some of its fields (others are free), an array all of its elements, a
 * `RegExp` what a string looks like, a function whether it fits, `Uint8Array` which bytes it has, and any other value
 * itself.
 */
export type Pattern<T> =
  | ((value: T) => boolean)
  | (T extends string
      ? T | RegExp
      : T extends Uint8Array
        ? Uint8Array
        : T extends readonly (infer E)[]
          ? readonly Pattern<E>[]
          : T extends object
            ? { readonly [K in keyof T]?: Pattern<T[K]> }
            : T)

/** True where a value fits a pattern. Absent pattern, any value. */
export function matches(value: unknown, pattern: unknown): boolean {
  if (pattern === undefined) return true
  if (typeof pattern === 'function') return isTrue(pattern(value))
  if (isRegExp(pattern)) return typeof value === 'string' && pattern.test(value)
  if (isUint8Array(pattern)) return isUint8Array(value) && Buffer.compare(value, pattern) === 0
  if (typeof pattern !== 'object' || pattern === null) return Object.is(value, pattern)
  if (typeof value !== 'object' || value === null) return false
  if (Array.isArray(pattern)) return matchesArray(value, pattern)
  return Object.entries(pattern).every(
    ([key, inner]) => Object.hasOwn(value, key) && matchesField(Reflect.get(value, key), inner),
  )
}

/** A promise would fit nothing, and nobody would hear why. */
function isTrue(answer: unknown): boolean {
  const promise = promised(answer)
  if (promise === undefined) return answer === true
  promise.catch(() => {})
  return refuseArgument(
    'a pattern',
    'its function',
    'a function that answers true or false, no promise',
    answer,
  )
}

function matchesArray(value: object, pattern: readonly unknown[]): boolean {
  return (
    Array.isArray(value) &&
    value.length === pattern.length &&
    pattern.every((inner, index) => matchesField(value[index], inner))
  )
}

/** Inside a pattern `undefined` is a value like any other. */
function matchesField(value: unknown, pattern: unknown): boolean {
  return pattern === undefined ? value === undefined : matches(value, pattern)
}
