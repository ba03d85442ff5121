import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** The first byte of a close frame. */
const CLOSE = 0x88

/**
 * A proxy of the kind for which there is long polling: HTTP passes. A WebSocket opens, and then nothing comes through it any more:
 * the proxy does not know that it is to stay.
 */
export class CuttingProxy {
  readonly #server: Server
  readonly #target: () => number
  readonly #sockets = new Set<Socket>()
  /** The WebSockets that opened. */
  opened = 0

  /** @param target The port of the server, which may change. */
  private constructor(target: () => number) {
    this.#target = target
    this.#server = createServer((client) => this.#serve(client))
  }

  static async start(target: () => number): Promise<CuttingProxy> {
    const proxy = new CuttingProxy(target)
    proxy.#server.listen(0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    return proxy
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  async close(): Promise<void> {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    await once(this.#server, 'close')
  }

  /** As proxies do, it asks the server when it is asked itself. */
  #serve(client: Socket): void {
    this.#keep(client, () => {})
    client.once('data', (data) => {
      const server = connect(this.#target(), '127.0.0.1')
      this.#keep(server, () => client.destroy())
      client.on('close', () => server.destroy())
      if (/^upgrade: websocket/im.test(data.toString('latin1'))) this.#cut(client, server)
      else client.pipe(server).pipe(client)
      server.write(data)
    })
  }

  #keep(socket: Socket, gone: () => void): void {
    this.#sockets.add(socket)
    socket
      .on('error', () => {})
      .on('close', () => {
        this.#sockets.delete(socket)
        gone()
      })
  }

  /** A WebSocket opens, and nothing of it passes; with its close frame it is cut. */
  #cut(client: Socket, server: Socket): void {
    server.once('data', (data) => {
      this.opened++
      client.write(data)
      server.resume()
    })
    client.on('data', (data) => {
      if (data[0] === CLOSE) client.destroy()
    })
  }
}
