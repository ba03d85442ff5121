import { Server as HttpServer, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { type TLSSocket, Server as TlsServer } from 'node:tls'
import type { FastifyInstance } from 'fastify'
import { onServerCloses } from './closing.ts'
import { eachServer } from './servers.ts'

const served = new WeakSet<object>()

/**
 * Ends, when a server closes, the connections on which nothing was asked. Node counts none of them as idle, and waits for each
 * as long as its client stays: browsers open some ahead, and a `fetch` that is given up at once leaves one behind.
 */
export function endUnused(app: FastifyInstance): void {
  eachServer(app, (server) => endUnusedOf(server))
}

function endUnusedOf(server: FastifyInstance['server'] | TlsServer): void {
  const isTls = server instanceof TlsServer
  // HTTP/2 without TLS has sessions alone, which its server closes.
  if (!(isTls || server instanceof HttpServer) || served.has(server)) return
  served.add(server)
  const unused = new Unused()
  if (isTls) server.on('connection', unused.shaking).on('secureConnection', unused.shaken)
  else server.on('connection', unused.came)
  server.prependListener('request', unused.asked).prependListener('upgrade', unused.asked)
  onServerCloses(server, () => unused.end())
}

class Unused {
  readonly #sockets = new Set<Socket>()
  /** Those whose TLS handshake is not done. */
  readonly #shaking = new Set<Socket>()
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
    this.#shaking.add(socket)
    socket.once('close', () => this.#shaking.delete(socket))
  }

  readonly shaken = (socket: TLSSocket): void => {
    const below = this.#below(socket)
    if (below !== undefined) this.#shaking.delete(below)
    if (socket.alpnProtocol !== 'h2') this.came(socket)
  }

  /**
   * The socket on which a TLSSocket stands. Node has no public word for it, and over a Unix socket none has an address by which it
   * could be told.
   */
  #below(socket: TLSSocket & { readonly _parent?: Socket }): Socket | undefined {
    const { _parent: parent } = socket
    if (parent !== undefined && this.#shaking.has(parent)) return parent
    return [...this.#shaking].find((other) => isSamePeer(other, socket))
  }

  end(): void {
    for (const socket of [...this.#sockets, ...this.#shaking]) socket.destroy()
  }
}

function isSamePeer(a: Socket, b: Socket): boolean {
  return a.remotePort === b.remotePort && a.remoteAddress === b.remoteAddress
}
