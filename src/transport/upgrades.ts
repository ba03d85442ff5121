import type { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { WebSocket } from 'ws'

// The sockets of upgrades, from the request to the WebSocket or to nothing: in between they belong to nobody.

/**
 * Outside of the scope that has @fastify/websocket, or where the URL cannot be read, an upgrade is answered (404, 400) and
 * its connection then belongs to nobody: neither the HTTP server nor ws would ever end it, not even when its client has.
 * Whatever comes of an upgrade comes within the time for a handshake; ws switches this off where it takes over. Most are
 * done when @fastify/websocket has heard of them: they are read, and need no timer.
 *
 * @param timeoutMs 0 for none.
 */
export function boundUpgrades(app: FastifyInstance, timeoutMs: number): void {
  app.server.on('upgrade', (request, stream) => {
    if (stream.listenerCount('data') === 0) socketOf(request)?.setTimeout(timeoutMs, cut).on('end', cut)
  })
}

/**
 * While Fastify closes it answers an upgrade with 503 before any hook, and nobody ends the socket, which no server counts
 * as idle: `close` would wait for as long as the client stays. Clients come back within 10 ms, so there is often one.
 */
export function endLateUpgrades(app: FastifyInstance): void {
  let isClosing = false
  app.addHook('preClose', (done) => {
    isClosing = true
    done()
  })
  app.server.on('upgrade', (request) => {
    // Behind the answer, which another listener gives in this turn.
    if (isClosing) queueMicrotask(() => socketOf(request)?.destroySoon())
  })
}

/**
 * The socket that a request came in on. None with `injectWS`, where the caller may have put anything in its place; and
 * Node 26 hands over a stream of its own where an upgrade has a body: neither has a socket's methods.
 */
export function socketOf({ socket }: IncomingMessage): Socket | undefined {
  return socket instanceof Socket ? socket : undefined
}

/**
 * @fastify/websocket ends the connection of a refused upgrade, but not where a hook refuses that the application added
 * before it. Nothing reads that socket any more: it would not even notice that its client is gone.
 */
export function endRefused({ raw }: FastifyRequest, _reply: FastifyReply, done: () => void): void {
  // The type does not tell, but Node does.
  if ((raw as { upgrade?: boolean }).upgrade) socketOf(raw)?.destroySoon()
  done()
}

/**
 * An open connection needs nothing of its HTTP request any more. @fastify/websocket's error listener and the socket's
 * link to its response would keep both alive as long as the connection.
 */
export function letGo(ws: WebSocket, socket: Socket | undefined, reply: FastifyReply): void {
  ws.removeAllListeners('error')
  // Its end would give back the client's place.
  reply.raw.removeAllListeners('close')
  if (socket === undefined) return
  socket.removeListener('timeout', cut).removeListener('end', cut)
  if (reply.raw.socket === socket) reply.raw.detachSocket(socket)
}

function cut(this: Socket): void {
  this.destroy()
}
