import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A way to a server that can be cut: what goes through it is reset, and nobody gets in until it is mended. */
export class Way {
  readonly port: number
  readonly #target: number
  readonly #open = new Set<Socket>()
  readonly #server = createServer((inbound) => this.#carry(inbound))

  private constructor(target: number, port: number) {
    this.#target = target
    this.port = port
  }

  static async to(target: number): Promise<Way> {
    const probe = createServer().listen(0, '127.0.0.1')
    await once(probe, 'listening')
    const { port } = probe.address() as AddressInfo
    probe.close()
    await once(probe, 'close')
    const way = new Way(target, port)
    await way.mend()
    return way
  }

  async cut(): Promise<void> {
    this.#server.close()
    for (const socket of this.#open) socket.resetAndDestroy()
    await once(this.#server, 'close')
  }

  async mend(): Promise<void> {
    this.#server.listen(this.port, '127.0.0.1')
    await once(this.#server, 'listening')
  }

  #carry(inbound: Socket): void {
    const outbound = connect(this.#target, '127.0.0.1')
    for (const socket of [inbound, outbound]) {
      this.#open.add(socket)
      socket.on('error', () => {})
      socket.once('close', () => {
        this.#open.delete(socket)
        inbound.destroy()
        outbound.destroy()
      })
    }
    inbound.pipe(outbound)
    outbound.pipe(inbound)
  }
}
