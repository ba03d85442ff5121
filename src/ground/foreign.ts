import { types } from 'node:util'

// Code of the application, and what it gives, as the library may touch it. `docs/foreign-code.md` lists every place.

/**
 * The result of a callback as a promise; `undefined` where it is none. The property `then` is read once, here: a getter that
 * throws makes a promise that rejects, and a `then` that misbehaves settles at most once.
 */
export function promised(value: unknown): Promise<unknown> | undefined {
  if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return undefined
  try {
    const { then } = value as { then?: unknown }
    if (typeof then !== 'function') return undefined
    if (then === Promise.prototype.then && isPlainPromise(value)) return value
    return new Promise((resolve, reject) => {
      // In a turn of its own, as `await` would call it.
      queueMicrotask(() => {
        try {
          const given: unknown = then.call(value, resolve, reject)
          // Of a `then` that is an async function.
          if (types.isPromise(given)) Promise.prototype.then.call(given, undefined, reject)
        } catch (error) {
          reject(error)
        }
      })
    })
  } catch (error) {
    return Promise.reject(error)
  }
}

/** Neither a proxy of a promise, on which `then` throws, nor of a class that makes something else of it. */
function isPlainPromise(value: object): value is Promise<unknown> {
  return types.isPromise(value) && value.constructor === Promise
}

/** As {@link promised}; what is no promise is one that is kept. */
export function settled(value: unknown): Promise<unknown> {
  return promised(value) ?? Promise.resolve(value)
}

/**
 * Tells somebody whose answer nobody waits for: a listener, a hook. What it throws, and what a promise of it rejects with,
 * is given to `failed`. Never throws, as long as `failed` does not.
 */
export function tell(listener: () => unknown, failed: (error: unknown) => void): void {
  try {
    promised(listener())?.then(undefined, failed)
  } catch (error) {
    failed(error)
  }
}

/** As `instanceof Error`, for those of other realms as well: of a context of node:vm, of a test of Jest. */
export function isError(thrown: unknown): thrown is Error {
  return thrown instanceof Error || types.isNativeError(thrown)
}

/** True where something was thrown because a signal was aborted. */
export function isAbortError(thrown: unknown): boolean {
  try {
    return isError(thrown) && thrown.name === 'AbortError'
  } catch {
    return false
  }
}

/** Shows whatever was thrown: the one idiom for causes that nobody typed. Never throws. */
export function describe(thrown: unknown): string {
  try {
    if (isError(thrown)) return String(thrown.message) || String(thrown.name)
    return String(thrown)
  } catch {
    return 'a value that cannot be shown'
  }
}

/** The fields of an error that others read. */
const READ = [
  'name',
  'message',
  'stack',
  'code',
  'status',
  'statusCode',
  'headers',
  'cause',
  'toJSON',
] as const

/**
 * A thrown value as an error that can be handed to others: itself where it is one that can be read, or else a new one
 * with it as its cause. Never `undefined`, which would be taken for success.
 */
export function asError(thrown: unknown): Error {
  try {
    if (isError(thrown)) {
      for (const name of READ) Reflect.get(thrown, name)
      return thrown
    }
  } catch {
    // One that cannot be read.
  }
  return new Error(describe(thrown), { cause: thrown })
}

/**
 * Tells Node of a failure that is nobody else's to know: a warning of the process, which does not end it as an uncaught
 * error would.
 */
export function warnOf(what: string, error: unknown): void {
  process.emitWarning(`${what}: ${describe(error)}`, { type: 'FastifyBerylWarning', detail: stackOf(error) })
}

function stackOf(error: unknown): string {
  const { stack } = asError(error)
  return typeof stack === 'string' ? stack : ''
}
