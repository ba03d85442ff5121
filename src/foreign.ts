// Code of the application, and what it gives, as the library may touch it. `docs/foreign-code.md` lists every place.

/**
 * What a callback gave, as a promise; `undefined` where it is none. The property `then` is read once, here: a getter that
 * throws makes a promise that rejects, and a `then` that misbehaves settles at most once.
 */
export function promised(value: unknown): Promise<unknown> | undefined {
  if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return undefined
  try {
    const { then } = value as { then?: unknown }
    if (typeof then !== 'function') return undefined
    if (then === Promise.prototype.then && value instanceof Promise) return value
    return new Promise((resolve, reject) => {
      // In a turn of its own, as `await` would call it.
      queueMicrotask(() => {
        try {
          then.call(value, resolve, reject)
        } catch (error) {
          reject(error)
        }
      })
    })
  } catch (error) {
    return Promise.reject(error)
  }
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
