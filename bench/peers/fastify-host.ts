import websocket from '@fastify/websocket'
import fastify from 'fastify'
import type { WebSocket } from 'ws'
import { host } from './host.ts'
import { BACKLOG, https } from './listen.ts'

/** The smallest server with @fastify/websocket: one route. */
export async function hostWithFastify(came: (socket: WebSocket) => void): Promise<void> {
  const app = fastify({ https })
  await app.register(websocket)
  app.get('/socket/websocket', { websocket: true }, came)
  await host(async () => {
    const address = await app.listen({ port: 0, host: '127.0.0.1', backlog: BACKLOG })
    return Number(new URL(address).port)
  })
}
