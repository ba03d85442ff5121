import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { connect as connectSecurely, TLSSocket } from 'node:tls'
import { certificate } from '../peers/certificate.ts'
import type { Dialect } from './dialect.ts'
import {
  BINARY,
  CLOSE,
  COMPRESSED,
  FrameReader,
  maskedFrame,
  maskedText,
  PING,
  PONG,
  TEXT,
} from './frames.ts'
import { inflated } from './inflated.ts'

/** Where a load goes. */
export interface Target {
  readonly port: number
  /** The server speaks TLS. @default false */
  readonly tls?: boolean
  /** Connections take these in turn, so that a load can mix dialects. */
  readonly dialects: readonly Dialect[]
  /** Before every topic's number: chooses the kind of channel. */
  readonly topicPrefix: string
  /** Gets what comes right behind the joins. @default nobody, until {@link Connection.listen} */
  readonly listener?: Listener
}

/** Gets what a joined connection receives. */
export interface Listener {
  /** A text or binary frame that came at `now` ms; `bytes` is valid only during the call. */
  frame(connection: Connection, bytes: Buffer, start: number, end: number, now: number): void
  /** All frames of one read have been given to `frame`. */
  readEnd?(connection: Connection): void
  /** The server closed the connection, or it broke. */
  lost(connection: Connection, why: string): void
}

/** One buffer for all reads of all connections: libuv reads, calls back and is done with it. */
const readBuffer = Buffer.allocUnsafe(256 * 1024)

/**
 * One client, as lean as the load needs: it upgrades, joins its topics, then hands raw frames to its listener.
 * It checks what it relies on and not the whole of RFC 6455.
 */
export class Connection {
  readonly index: number
  readonly dialect: Dialect
  readonly topics: readonly string[]
  /** Where the last message's number stood in its frame. */
  numberAt = 0
  /** Bytes that came after the upgrade. */
  bytesRead = 0
  readonly #socket: Socket
  readonly #reader = new FrameReader()
  #listener: Listener | undefined
  #now = 0
  #upgraded = false
  #head = ''
  #opened = 0
  #unjoined: number
  #ready: (() => void) | undefined
  #failed: ((error: Error) => void) | undefined
  #closing = false

  /** Connects, upgrades, joins `topics` and resolves once the server has accepted every join. */
  static open(target: Target, index: number, topics: readonly string[]): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const connection: Connection = new Connection(target, index, topics, () => resolve(connection), reject)
    })
  }

  private constructor(
    target: Target,
    index: number,
    topics: readonly string[],
    ready: () => void,
    failed: (error: Error) => void,
  ) {
    this.index = index
    this.dialect = dialectOf(target, index)
    this.topics = topics
    this.#listener = target.listener
    this.#unjoined = topics.length
    this.#ready = ready
    this.#failed = failed
    const onread = { buffer: readBuffer, callback: (length: number) => this.#read(length) }
    const place = { port: target.port, host: '127.0.0.1', noDelay: true, onread }
    this.#socket = (target.tls ? connectSecurely({ ...place, ca: certificate.cert }) : connect(place))
      .on('error', (error) => this.#broken(String(error)))
      .on('close', () => this.#broken('closed'))
    this.#socket.write(upgradeRequest(this.dialect, target.port))
  }

  /** The ref with which `topic` was joined here. */
  joinRef(topic: string): number {
    return this.topics.indexOf(topic) + 1
  }

  listen(listener: Listener | undefined): void {
    this.#listener = listener
  }

  write(frames: Uint8Array): void {
    this.#socket.write(frames)
  }

  writeText(text: string): void {
    this.write(maskedText(text))
  }

  /** Joins further topics in one write, numbered after those it has. Resolves when all are accepted. */
  join(topics: readonly string[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#unjoined = topics.length
      this.#ready = resolve
      this.#failed = reject
      this.#sendJoins(topics, this.topics.length + 1)
    })
  }

  /** Resets the TCP connection: no TIME_WAIT is left to run out of ports by. TLS knows no reset. */
  reset(): void {
    this.#closing = true
    if (this.#socket instanceof TLSSocket) this.#socket.destroy()
    else this.#socket.resetAndDestroy()
  }

  #read(length: number): boolean {
    this.#now = performance.now()
    this.bytesRead += length
    if (this.#upgraded) this.#reader.read(readBuffer, length, this.#frame)
    else this.#upgrade(readBuffer.toString('latin1', 0, length))
    this.#listener?.readEnd?.(this)
    return true
  }

  #upgrade(text: string): void {
    this.#head += text
    const end = this.#head.indexOf('\r\n\r\n')
    if (end === -1) return
    if (!this.#head.startsWith('HTTP/1.1 101')) return this.#broken(this.#head.slice(0, 60))
    this.#upgraded = true
    const rest = Buffer.from(this.#head.slice(end + 4), 'latin1')
    this.#head = ''
    if (this.dialect.opening.length === 0) this.#sendJoins(this.topics, 1)
    this.#reader.read(rest, rest.length, this.#frame)
  }

  #frame = (opcode: number, bytes: Buffer, start: number, end: number): void => {
    if ((opcode & COMPRESSED) !== 0) {
      const whole = inflated(bytes.subarray(start, end))
      return this.#frame(opcode & ~COMPRESSED, whole, 0, whole.length)
    }
    if (opcode === PING) this.write(maskedFrame(PONG, bytes.subarray(start, end)))
    else if (opcode === CLOSE) this.#broken(`close ${end - start >= 2 ? bytes.readUInt16BE(start) : 1005}`)
    else if (opcode !== TEXT && opcode !== BINARY) this.#broken(`opcode ${opcode}`)
    else if (this.#ready !== undefined) this.#settingUp(bytes.toString('utf8', start, end))
    else this.#listener?.frame(this, bytes, start, end, this.#now)
  }

  #settingUp(text: string): void {
    const step = this.dialect.opening[this.#opened]
    if (step === undefined) return this.#joining(text)
    if (!text.startsWith(step.awaits)) return this.#broken(`instead of ${step.awaits} came ${text}`)
    this.#opened += 1
    if (step.answer !== undefined) this.writeText(step.answer)
    if (this.#opened === this.dialect.opening.length) this.#sendJoins(this.topics, 1)
  }

  #joining(text: string): void {
    try {
      if (this.dialect.joined(text) !== undefined) this.#unjoined -= 1
    } catch (error) {
      return this.#broken(String(error))
    }
    if (this.#unjoined === 0) this.#becomeReady()
  }

  #sendJoins(topics: readonly string[], firstRef: number): void {
    if (topics.length === 0) return this.#becomeReady()
    this.write(
      Buffer.concat(topics.map((topic, index) => maskedText(this.dialect.join(topic, firstRef + index)))),
    )
  }

  #becomeReady(): void {
    const ready = this.#ready
    this.#ready = undefined
    this.#failed = undefined
    ready?.()
  }

  #broken(why: string): void {
    if (this.#closing) return
    this.#closing = true
    this.#socket.destroy()
    this.#failed?.(new Error(`connection ${this.index}: ${why}`))
    this.#listener?.lost(this, why)
  }
}

function dialectOf({ dialects }: Target, index: number): Dialect {
  const dialect = dialects[index % dialects.length]
  if (dialect === undefined) throw new Error('a target needs a dialect')
  return dialect
}

function upgradeRequest({ path, extensions }: Dialect, port: number): string {
  return [
    `GET ${path} HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
    ...(extensions === undefined ? [] : [`Sec-WebSocket-Extensions: ${extensions}`]),
    '\r\n',
  ].join('\r\n')
}
