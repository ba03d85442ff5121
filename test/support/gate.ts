import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'

/** A port that stays while what is behind it changes: connections may be cut, held back, and led elsewhere. */
export class Gate {
  readonly port: number
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #target: number | undefined
  #isHolding = false

  private constructor(server: Server, port: number, target: number) {
    this.#server = server
    this.port = port
    this.#target = target
    server.on('connection', (socket) => this.#lead(socket))
  }

  static async before(target: number): Promise<Gate> {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new Gate(server, (server.address() as { port: number }).port, target)
  }

  /** Connections are made to another port from now on. */
  leadTo(target: number): void {
    this.#target = target
  }

  /** Ends all connections, and every new one at once. */
  shut(): void {
    this.#target = undefined
    for (const socket of this.#sockets) socket.destroy()
  }

  /** From now on no byte passes. */
  hold(): void {
    this.#isHolding = true
    for (const socket of this.#sockets) socket.unpipe().pause()
  }

  async end(): Promise<void> {
    this.shut()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #lead(socket: Socket): void {
    if (this.#target === undefined) return void socket.destroy()
    const other = connect(this.#target, '127.0.0.1')
    for (const [one, opposite] of [
      [socket, other],
      [other, socket],
    ] as const) {
      this.#sockets.add(one)
      // Its end is that of the other.
      one.on('error', () => {})
      one.on('close', () => {
        this.#sockets.delete(one)
        opposite.destroy()
      })
      if (!this.#isHolding) one.pipe(opposite)
    }
  }
}
