import type { FastifyInstance } from 'fastify'
import { rootOf } from './closing.ts'

/**
 * Calls `met` with each server of an application: its own now, and when it listens those that Fastify adds for the further addresses
 * of `localhost`. They serve the same routes, and nothing but a key of Fastify's own leads to them.
 */
export function eachServer(app: FastifyInstance, met: (server: FastifyInstance['server']) => void): void {
  met(app.server)
  app.addHook('onListen', (done) => {
    for (const server of furtherServers(app)) met(server)
    done()
  })
}

const BINDINGS = 'fastify.serverBindings'

function furtherServers(app: FastifyInstance): readonly FastifyInstance['server'][] {
  const root = rootOf(app)
  const key = Object.getOwnPropertySymbols(root).find(({ description }) => description === BINDINGS)
  const found: unknown = key === undefined ? undefined : Reflect.get(root, key)
  return Array.isArray(found) ? found : []
}
