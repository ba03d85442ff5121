import { Server as HttpServer, type IncomingMessage } from 'node:http'
import { Server as HttpsServer } from 'node:https'
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { onServerCloses } from './closing.ts'

const served = new WeakSet<object>()

/**
 * Ends, when a server closes, the connections on which nothing was asked. Node counts none of them as idle, and waits for each
 * as long as its client stays: browsers open some ahead, and a `fetch` that is given up at once leaves one behind.
 */
export function endUnused(app: FastifyInstance): void {
  const { server } = app
  const isTls = server instanceof HttpsServer
  // HTTP/2 has sessions, which its server closes.
  if (served.has(server) || !(isTls || server instanceof HttpServer)) return
  served.add(server)
  const unused = new Set<Socket>()
  const forget = function (this: Socket): void {
    unused.delete(this)
  }
  const used = ({ socket }: IncomingMessage): void => {
    if (unused.delete(socket)) socket.off('close', forget)
  }
  server
    .on(isTls ? 'secureConnection' : 'connection', (socket: Socket) => {
      unused.add(socket.on('close', forget))
    })
    .prependListener('request', used)
    .prependListener('upgrade', used)
  onServerCloses(app, () => {
    for (const socket of unused) socket.destroy()
  })
}
