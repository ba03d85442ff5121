import type * as phoenix18 from 'phoenix'
import * as phoenix from 'phoenix'
// @ts-expect-error the package has no types
import * as phoenix17 from 'phoenix-1.7'
import { WebSocket } from 'ws'
import type { LogPosition } from '../../../src/pubsub/log.ts'
import { guide, type Position } from '../../history/guide-client.ts'
import type { Book, Segment } from './ledger.ts'

const VERSIONS = [phoenix.Socket, phoenix17.Socket] as readonly (typeof phoenix18.Socket)[]
/** An answer to a write is waited for so long. */
const PATIENCE_MS = 8_000
/**
 * A connection that Node's primary hands to a worker in the moment in which that is killed stays open, and nobody answers.
 * phoenix.js waits for it without end.
 */
const CONNECT_MS = 5_000
/** Of every fourth client a join times out so soon, and is answered late where Redis stands still. */
const HASTY_MS = 2_000

export interface Looked extends LogPosition {
  readonly pid: number
  readonly texts: readonly string[]
}

/**
 * A client with the lines of docs/history.md and phoenix.js as it is, in turn one of its versions. It keeps a book of what it
 * took, and writes: each number until it is answered, also over another node.
 */
export class Follower implements Book {
  readonly name: string
  readonly topic: string
  readonly segments: (Segment & { taken: Segment['taken'] })[] = []
  readonly accepted: LogPosition[] = []
  resumes = 0
  cuts = 0
  connects = 0
  readonly #socket: phoenix18.Socket
  readonly #channel: phoenix18.Channel
  #wire: WebSocket | undefined
  #epoch = ''
  #ref = ''
  #attempts = 0
  #isWriting = false
  /** Breaks its connection with the next entry: in the middle of what it is told again. */
  #isCutSoon = false

  /** @param ports gives those of all nodes; `first` is tried first */
  constructor(number: number, topic: string, ports: () => readonly number[]) {
    this.name = `client ${number}`
    this.topic = topic
    const Socket = VERSIONS[number % VERSIONS.length] as typeof phoenix18.Socket
    this.#socket = new Socket('ws://balancer/socket', {
      transport: this.#transport(ports, number) as never,
      timeout: number % 4 === 3 ? HASTY_MS : 10_000,
      heartbeatIntervalMs: 600_000,
      reconnectAfterMs: () => 20 + Math.random() * 200,
      rejoinAfterMs: () => 20 + Math.random() * 200,
    })
    this.#socket.connect()
    const channel = guide.resumingChannel<{ writer: string; n: number }>(this.#socket, topic)
    this.#channel = channel as never
    channel.on('$resume', (position) => this.#place(position))
    channel.on('written', (_, ref) => {
      this.#ref = ref
    })
    channel.onEntry('written', (entry) => this.#take(entry))
    channel.joinPush.receive('ok', ({ $resume }) => this.#joined($resume))
    this.#channel.onError(() => this.#stopWriting())
  }

  get isThere(): boolean {
    return this.#channel.state === 'joined' && this.#socket.isConnected()
  }

  /** For people. */
  get state(): string {
    return `${this.name}: ${this.#socket.connectionState()}, ${this.#channel.state}`
  }

  /** The offset up to which it has all. */
  get offset(): number {
    const segment = this.segments.at(-1)
    return segment?.taken.at(-1)?.offset ?? segment?.offset ?? 0
  }

  /** Nothing while an answer is waited for. */
  write(): void {
    if (this.#isWriting || !this.isThere) return
    this.#isWriting = true
    const [n, attempt] = [this.accepted.length + 1, ++this.#attempts]
    const over = (): void => {
      if (attempt === this.#attempts) this.#isWriting = false
    }
    this.#channel
      .push('write', { writer: this.name, n }, PATIENCE_MS)
      .receive('ok', (position: LogPosition) => {
        if (this.accepted.length === n - 1) this.accepted.push(position)
        over()
      })
      .receive('error', over)
      .receive('timeout', over)
  }

  look(): Promise<Looked> {
    return new Promise((resolve, reject) => {
      const failed = (why: unknown): void => reject(new Error(`nothing was seen: ${JSON.stringify(why)}`))
      this.#channel.push('look', {}, 30_000).receive('ok', resolve).receive('error', failed)
    })
  }

  /** Breaks the connection: at once, where it is there, or with the next entry. */
  cut(isSoon: boolean): void {
    if (isSoon) this.#isCutSoon = true
    else if (this.isThere) this.#cut()
  }

  leave(): void {
    this.#isCutSoon = false
    this.#socket.disconnect()
  }

  comeBack(): void {
    this.#socket.connect()
  }

  #cut(): void {
    this.#isCutSoon = false
    this.cuts++
    ;(this.#wire as unknown as { _socket?: { resetAndDestroy(): void } })?._socket?.resetAndDestroy()
  }

  #stopWriting(): void {
    this.#attempts++
    this.#isWriting = false
  }

  #joined(position: Position): void {
    this.#place(position)
    this.#stopWriting()
    if (position.recovered) this.resumes++
    else this.segments.push({ epoch: this.#epoch, offset: position.offset, taken: [] })
  }

  /** The epoch of the log is the first part of the client's. */
  #place({ epoch }: { readonly epoch: string }): void {
    this.#epoch = epoch.slice(0, epoch.indexOf('~'))
  }

  #take({ writer, n }: { writer: string; n: number }): void {
    this.segments.at(-1)?.taken.push({ epoch: this.#epoch, offset: Number(this.#ref.slice(1)), writer, n })
    if (this.#isCutSoon) this.#cut()
  }

  #transport(ports: () => readonly number[], first: number): new (url: string) => WebSocket {
    const follower = this
    let attempts = first
    return class extends WebSocket {
      constructor(url: string) {
        const known = ports()
        super(url.replace('balancer', `127.0.0.1:${known[attempts++ % known.length]}`), {
          handshakeTimeout: CONNECT_MS,
        })
        follower.#wire = this
        this.on('open', () => follower.connects++)
      }
    }
  }
}
