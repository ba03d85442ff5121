/** The kinds of events that are not the server's: its own are strings. */
export const STATE = 0
export const PRESENCE = 1
export type Kind = string | typeof STATE | typeof PRESENCE

type Handler = (...args: never[]) => void

/** The handlers of one listener. The same function may be there twice. */
export type Listeners = Set<{ readonly kind: Kind; readonly handler: Handler }>

/** Gives what ends it. @throws `TypeError` */
export function listen(listeners: Listeners, kind: Kind, handler: Handler): () => void {
  if (typeof handler !== 'function') throw new TypeError(`wanted a handler, got ${handler}`)
  const entry = { kind, handler }
  listeners.add(entry)
  return () => void listeners.delete(entry)
}

/** One that is removed by one handler is not called after it. */
export function tell(listeners: Listeners, kind: Kind, ...args: readonly unknown[]): void {
  for (const entry of [...listeners])
    try {
      if (entry.kind === kind && listeners.has(entry)) entry.handler(...(args as never[]))
    } catch (error) {
      // It is nobody else's: it is reported as if nobody had caught it.
      queueMicrotask(() => {
        throw error
      })
    }
}
