import { connect, type Socket } from 'node:net'
import { constants, inflateRawSync } from 'node:zlib'
import { payloadStart } from '../../src/protocol/frame.ts'

const CONTINUATION = 0
const TEXT = 1
const BINARY = 2
const CLOSE = 8
const PING = 9
const PONG = 10

export interface PeerOptions {
  readonly port: number
  /** @default '/socket/websocket?vsn=2.0.0' */
  readonly path?: string
  /** Which address to come from: each has its own ports. @default the system's choice */
  readonly localAddress?: string
  /** Does not answer the server's close frame. @default false */
  readonly isDeaf?: boolean
  /** The offer of `Sec-WebSocket-Extensions`. @default none */
  readonly extensions?: string
}

/** The rules of RFC 6455 that one frame breaks. */
export interface FrameFlaws {
  readonly fin?: boolean
  readonly reserved?: number
  readonly isMasked?: boolean
  /** The length that the header tells, where it lies. */
  readonly length?: number
}

/** The server said no to the upgrade. */
export class UpgradeRefused extends Error {
  override readonly name = 'UpgradeRefused'
  readonly statusCode: number
  readonly head: string
  constructor(head: string) {
    super(`the upgrade was answered with ${head.slice(0, 40)}`)
    this.statusCode = Number(head.slice(9, 12))
    this.head = head
  }
}

/**
 * A WebSocket client on a bare TCP socket, which can break every rule. What the server sends is held against the RFC:
 * {@link Peer.broken} says where it is not what a server may send.
 */
export class Peer {
  readonly socket: Socket
  /** Resolves when the TCP connection is gone, with the code of the server's close frame (1006: there was none). */
  readonly closed: Promise<number>
  onMessage: (payload: Buffer, isBinary: boolean) => void = () => {}
  broken: string | undefined
  /** The answer to the upgrade. */
  readonly head: string
  /** Messages that came compressed: each could be inflated by itself, within the window that was agreed to. */
  compressed = 0
  /** The code of the server's close frame. */
  closeCode: number | undefined
  isGone = false
  readonly #isDeaf: boolean
  #buffer: Buffer = EMPTY

  private constructor(socket: Socket, head: string, isDeaf: boolean) {
    this.socket = socket
    this.head = head
    this.#isDeaf = isDeaf
    this.closed = new Promise((resolve) => {
      socket.on('close', () => {
        this.isGone = true
        resolve(this.closeCode ?? 1006)
      })
    })
  }

  /**
   * Connects and upgrades.
   *
   * @throws {@link UpgradeRefused}
   */
  static async open(options: PeerOptions): Promise<Peer> {
    const { port, path = '/socket/websocket?vsn=2.0.0', localAddress, isDeaf = false, extensions } = options
    const address = { host: '127.0.0.1', port, noDelay: true }
    const socket = connect(localAddress === undefined ? address : { ...address, localAddress })
    // Its 'close' follows.
    socket.on('error', () => {})
    const offer = extensions === undefined ? '' : `Sec-WebSocket-Extensions: ${extensions}\r\n`
    socket.write(upgradeHead(port, path).replace(/\r\n$/, `${offer}\r\n`))
    const head = await readHead(socket)
    if (!head.startsWith('HTTP/1.1 101')) {
      socket.destroy()
      throw new UpgradeRefused(head)
    }
    const peer = new Peer(socket, head, isDeaf)
    const rest = Buffer.from(head.slice(head.indexOf('\r\n\r\n') + 4), 'latin1')
    socket.on('data', (chunk) => peer.#read(chunk))
    if (rest.length > 0) peer.#read(rest)
    return peer
  }

  text(text: string): void {
    this.frame(TEXT, Buffer.from(text))
  }

  binary(bytes: Buffer): void {
    this.frame(BINARY, bytes)
  }

  frame(opcode: number, payload: Buffer, flaws: FrameFlaws = {}): void {
    if (!this.isGone) this.socket.write(encodeFrame(opcode, payload, flaws))
  }

  /** Bytes below WebSocket. */
  raw(bytes: Buffer): void {
    if (!this.isGone) this.socket.write(bytes)
  }

  /** Closes as clients do, and resolves when the connection is gone. */
  async close(): Promise<void> {
    const code = Buffer.from([0x03, 0xe8])
    if (!this.isGone) this.frame(CLOSE, code)
    await this.closed
  }

  /** Breaks the connection with a TCP reset. */
  reset(): Promise<number> {
    this.socket.resetAndDestroy()
    return this.closed
  }

  #read(chunk: Buffer): void {
    this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk])
    for (let size = frameSize(this.#buffer); size <= this.#buffer.length; size = frameSize(this.#buffer)) {
      const frame = this.#buffer.subarray(0, size)
      this.#buffer = this.#buffer.subarray(size)
      this.#take(frame)
    }
  }

  #take(frame: Buffer): void {
    const head = frame[0] as number
    const opcode = head & 15
    if (this.closeCode !== undefined) this.broken ??= 'a frame behind the close frame'
    const isCompressed = (head & 0x40) !== 0 && this.#window > 0
    if ((head & 0xf0) !== (isCompressed ? 0xc0 : 0x80)) this.broken ??= `a frame that begins with ${head}`
    if (((frame[1] as number) & 128) !== 0) this.broken ??= 'a masked frame'
    const body = frame.subarray(payloadStart(frame))
    const payload = isCompressed ? this.#inflate(body) : body
    if (opcode === TEXT || opcode === BINARY) this.onMessage(payload, opcode === BINARY)
    else if (opcode === CLOSE) this.#takeClose(payload)
    else if (opcode === PING) this.frame(PONG, payload)
    else if (opcode !== PONG) this.broken ??= `opcode ${opcode}`
  }

  /** The bits of the window that the server agreed to; 0: no compression. */
  get #window(): number {
    if (!/^sec-websocket-extensions: permessage-deflate/im.test(this.head)) return 0
    return Number(/server_max_window_bits=(\d+)/.exec(this.head)?.[1] ?? 15)
  }

  #inflate(data: Buffer): Buffer {
    this.compressed++
    const options = { windowBits: this.#window, finishFlush: constants.Z_SYNC_FLUSH }
    return inflateRawSync(Buffer.concat([data, Buffer.from([0, 0, 0xff, 0xff])]), options)
  }

  #takeClose(payload: Buffer): void {
    this.closeCode = payload.length < 2 ? 1005 : payload.readUInt16BE(0)
    if (!this.#isDeaf) this.frame(CLOSE, payload.subarray(0, 2))
  }
}

const EMPTY = Buffer.alloc(0)

export function upgradeHead(port: number, path: string): string {
  return [
    `GET ${path} HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    '\r\n',
  ].join('\r\n')
}

function readHead(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let head = ''
    const ended = (): void => reject(new Error(`closed before the upgrade was answered: ${head}`))
    socket.once('close', ended)
    socket.on('data', function read(chunk: Buffer): void {
      head += chunk.toString('latin1')
      if (!head.includes('\r\n\r\n')) return
      socket.off('close', ended).off('data', read)
      resolve(head)
    })
  })
}

/** The mask is zero: a mask bit must be set, but nobody asks for a good one. */
export function encodeFrame(opcode: number, payload: Buffer, flaws: FrameFlaws = {}): Buffer {
  const { fin = true, reserved = 0, isMasked = true, length = payload.length } = flaws
  const mask = isMasked ? [0, 0, 0, 0] : []
  const head = [opcode | (fin ? 128 : 0) | (reserved << 4), (isMasked ? 128 : 0) | lengthMark(length)]
  return Buffer.concat([Buffer.from(head), extendedLength(length), Buffer.from(mask), payload])
}

function lengthMark(length: number): number {
  return length < 126 ? length : length < 65_536 ? 126 : 127
}

function extendedLength(length: number): Buffer {
  if (length < 126) return EMPTY
  const bytes = Buffer.alloc(length < 65_536 ? 2 : 8)
  if (length < 65_536) bytes.writeUInt16BE(length)
  else bytes.writeBigUInt64BE(BigInt(length))
  return bytes
}

function frameSize(buffer: Buffer): number {
  if (buffer.length < 2) return Number.POSITIVE_INFINITY
  const start = payloadStart(buffer)
  if (buffer.length < start) return Number.POSITIVE_INFINITY
  const mark = (buffer[1] as number) & 127
  if (mark < 126) return start + mark
  return start + (mark === 126 ? buffer.readUInt16BE(2) : Number(buffer.readBigUInt64BE(2)))
}

export { BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT }
