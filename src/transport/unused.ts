import { Server as HttpServer, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { type TLSSocket, Server as TlsServer } from 'node:tls'
import type { FastifyInstance } from 'fastify'
import { onServerCloses } from './closing.ts'

const served = new WeakSet<object>()

/**
 * Ends, when a server closes, the connections on which nothing was asked. Node counts none of them as idle, and waits for each
 * as long as its client stays: browsers open some ahead, and a `fetch` that is given up at once leaves one behind.
 */
export function endUnused(app: FastifyInstance): void {
  const server: unknown = app.server
  const isTls = server instanceof TlsServer
  // HTTP/2 without TLS has sessions alone, which its server closes.
  if (!(isTls || server instanceof HttpServer) || served.has(server)) return
  served.add(server)
  const unused = new Unused()
  if (isTls) server.on('connection', unused.shaking).on('secureConnection', unused.shaken)
  else server.on('connection', unused.came)
  server.prependListener('request', unused.asked).prependListener('upgrade', unused.asked)
  onServerCloses(app, () => unused.end())
}

class Unused {
  readonly #sockets = new Set<Socket>()
  /** Those whose TLS handshake is not done, by where they come from: nothing tells on which socket a TLSSocket stands. */
  readonly #shaking = new Map<string, Socket>()
  readonly #forget: (this: Socket) => void

  constructor() {
    const sockets = this.#sockets
    this.#forget = function () {
      sockets.delete(this)
    }
  }

  readonly came = (socket: Socket): void => {
    this.#sockets.add(socket.on('close', this.#forget))
  }

  readonly asked = ({ socket }: IncomingMessage): void => {
    if (this.#sockets.delete(socket)) socket.off('close', this.#forget)
  }

  readonly shaking = (socket: Socket): void => {
    const from = whence(socket)
    this.#shaking.set(from, socket)
    socket.once('close', () => {
      if (this.#shaking.get(from) === socket) this.#shaking.delete(from)
    })
  }

  readonly shaken = (socket: TLSSocket): void => {
    this.#shaking.delete(whence(socket))
    if (socket.alpnProtocol !== 'h2') this.came(socket)
  }

  end(): void {
    for (const socket of [...this.#sockets, ...this.#shaking.values()]) socket.destroy()
  }
}

function whence({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`
}
