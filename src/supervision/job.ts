import type { MaybePromise } from './process.ts'

/** One thing that a supervisor has to do. `refuse` tells the one who asked for it that it never will be done. */
export interface Job {
  run(): MaybePromise<void>
  readonly refuse?: ((error: Error) => void) | undefined
}

/** Runs what may be synchronous without making a promise for it. */
export function settle<T>(
  work: () => MaybePromise<T>,
  resolve: (value: T) => void,
  reject: (error: unknown) => void,
): MaybePromise<void> {
  try {
    const result = work()
    if (result instanceof Promise) return result.then(resolve, reject)
    resolve(result)
  } catch (error) {
    reject(error)
  }
}
