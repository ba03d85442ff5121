import { type Channel, Presence, Socket } from 'phoenix'
import { WebSocket } from 'ws'

/**
 * Somebody with phoenix.js as it is, with a ledger of what was sent, accepted and received. phoenix.js knows one address, so
 * the balancer, which tries one node after the other, is in its transport.
 */
export class User {
  readonly name: string
  readonly room: string
  sent = 0
  /** The numbers that the server answered with ok. */
  readonly accepted: number[] = []
  doubled = 0
  reordered = 0
  /** Users who were seen to go altogether. */
  flaps = 0
  /** The close codes of its connections. */
  readonly closes: number[] = []
  /** When it joined last. */
  joinedAt = 0
  /** Its node, by number. */
  at: number
  readonly #received = new Set<string>()
  readonly #last = new Map<string, number>()
  readonly #socket: Socket
  readonly #channel: Channel

  /** @param ports of all nodes; `at` is the one that is tried first. */
  constructor(name: string, room: string, ports: readonly number[], at: number) {
    this.name = name
    this.room = room
    this.at = at
    this.#socket = new Socket('ws://balancer/socket', {
      transport: this.#transport(ports, at),
      heartbeatIntervalMs: 600_000,
    })
    this.#channel = this.#socket.channel(room, { user: name })
    this.#channel.on('said', (said) => this.#hear(said))
    new Presence(this.#channel).onLeave((_key, current) => {
      if (current?.metas.length === 0) this.flaps++
    })
    this.#socket.connect()
    this.#channel.join().receive('ok', () => {
      this.joinedAt = performance.now()
    })
  }

  get isThere(): boolean {
    return this.#channel.state === 'joined' && this.#socket.isConnected()
  }

  say(): void {
    const n = this.sent++
    this.#channel.push('say', { n }).receive('ok', () => this.accepted.push(n))
  }

  get received(): number {
    return this.#received.size + this.doubled
  }

  hasReceived(from: User, n: number): boolean {
    return this.#received.has(`${from.name} ${n}`)
  }

  leave(): void {
    this.#socket.disconnect()
  }

  #hear({ user, n, by }: { user: string; n: number; by: string }): void {
    const [message, way] = [`${user} ${n}`, `${by} ${user}`]
    if (this.#received.has(message)) this.doubled++
    else if (n < (this.#last.get(way) ?? -1)) this.reordered++
    this.#received.add(message)
    this.#last.set(way, n)
  }

  #transport(ports: readonly number[], first: number): new (url: string) => WebSocket {
    const user = this
    let attempts = first
    return class extends WebSocket {
      constructor(url: string) {
        const at = attempts++ % ports.length
        super(url.replace('balancer', `127.0.0.1:${ports[at]}`))
        this.on('open', () => {
          user.at = at
          this.on('close', (code) => user.closes.push(code))
        })
      }
    }
  }
}
