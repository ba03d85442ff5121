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
  if (typeof pattern === 'function') return pattern(value) === true
  if (pattern instanceof RegExp) return typeof value === 'string' && pattern.test(value)
  if (pattern instanceof Uint8Array)
    return value instanceof Uint8Array && Buffer.compare(value, pattern) === 0
  if (typeof pattern !== 'object' || pattern === null) return Object.is(value, pattern)
  if (typeof value !== 'object' || value === null) return false
  if (Array.isArray(pattern)) return matchesArray(value, pattern)
  return Object.entries(pattern).every(
    ([key, inner]) => Object.hasOwn(value, key) && matchesField(Reflect.get(value, key), inner),
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
