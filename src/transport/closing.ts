import type { FastifyInstance } from 'fastify'

// The two moments of a close that no hook tells of, or not surely. Both are methods that Fastify calls.

/**
 * The call itself: Fastify runs no hook of a close, not even `preClose`, before `ready` has settled, and so would wait out
 * a start that hangs; and a `preClose` hook that fails takes out all that come behind it.
 */
export function onCloseCalled(app: FastifyInstance, heard: () => void): void {
  before(rootOf(app), 'close', heard)
}

/** The HTTP server stops to listen, and waits from then on for all who are connected. */
export function onServerCloses(server: Closable, heard: () => void): void {
  before(server, 'close', heard)
}

interface Closable {
  close(...args: never[]): unknown
}

function before(owner: Closable, name: 'close', heard: () => void): void {
  owner[name] = new Proxy(owner[name], {
    apply(target, self, args) {
      heard()
      return Reflect.apply(target, self, args)
    },
  })
}

/** The outermost instance: the one whose `close` and `ready` those of the scopes below inherit. */
export function rootOf<T extends object>(app: T): T {
  const parent: T | null = Object.getPrototypeOf(app)
  return parent !== null && 'close' in parent ? rootOf(parent) : app
}
