import { strict as assert } from 'node:assert'
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import type { Socket } from 'node:net'
import { constants, inflateRawSync } from 'node:zlib'
import { BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT } from '../support/peer.ts'
import { Arrivals, Fences } from './arrivals.ts'
import type { WireEvent } from './transcript.ts'

const MASK = Buffer.from([1, 2, 3, 4])

export interface Handshake {
  readonly port: number
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
}

/**
 * A WebSocket client that may break the rules: it sends fragments, pings and raw bytes as it is told, and keeps what
 * arrives, in order, until somebody asks.
 */
export class RawClient {
  readonly #isV1: boolean
  readonly #arrivals = new Arrivals()
  readonly #fences = new Fences()
  #socket: Socket | undefined
  #buffer = Buffer.alloc(0)
  #inflated = Buffer.alloc(0)
  #phase: 'connecting' | 'open' | 'closing' | 'closed' = 'connecting'
  #midMessage = false

  constructor({ port, path, headers }: Handshake) {
    this.#isV1 = !/[?&]vsn=2/.test(path)
    const handshake = request({
      host: '127.0.0.1',
      port,
      path,
      agent: false,
      headers: {
        host: `localhost:${port}`,
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
        ...headers,
      },
    })
    handshake.on('upgrade', (response, socket, head) => this.#opened(response, socket as Socket, head))
    handshake.on('response', (response) => void this.#refused(response))
    handshake.on('error', () => this.#ended())
    handshake.end()
  }

  get pending(): readonly WireEvent[] {
    return this.#arrivals.pending
  }

  /** The next thing that arrived, or arrives. */
  next(): Promise<WireEvent> {
    return this.#arrivals.next()
  }

  /**
   * Resolves when all that the server had to say until now has arrived: the answer to a heartbeat stands behind it. Twice,
   * since the first one may overtake what the server says at the end of its turn. Does nothing where no heartbeat can be.
   */
  async fence(): Promise<void> {
    for (let round = 0; round < 2; round++) {
      if (this.#phase !== 'open' || this.#midMessage) return
      await this.#fences.pass(this.#isV1, (heartbeat) => this.send(heartbeat))
    }
  }

  send(message: string | Buffer): void {
    this.#frame(typeof message === 'string' ? TEXT : BINARY, Buffer.from(message as string), true)
  }

  fragment(message: string | Buffer, fin: boolean): void {
    const opcode = typeof message === 'string' ? TEXT : BINARY
    this.#frame(this.#midMessage ? CONTINUATION : opcode, Buffer.from(message as string), fin)
  }

  ping(data: Buffer): void {
    this.#frame(PING, data, true)
  }

  /** Bytes below WebSocket. */
  raw(bytes: Buffer): void {
    const head = bytes[0] as number
    if ((head & 15) === CLOSE) this.#phase = 'closing'
    if ((head & 15) < CLOSE) this.#midMessage = (head & 128) === 0
    this.#socket?.write(bytes)
  }

  close(code: number, reason: string): void {
    this.#phase = 'closing'
    const payload = Buffer.alloc(2 + Buffer.byteLength(reason))
    payload.writeUInt16BE(code)
    payload.write(reason, 2)
    this.#frame(CLOSE, payload, true)
  }

  /** Breaks the connection with a TCP reset. */
  terminate(): void {
    this.#phase = 'closing'
    this.#socket?.resetAndDestroy()
  }

  #frame(opcode: number, payload: Buffer, fin: boolean): void {
    if (opcode < CLOSE) this.#midMessage = !fin
    const size = payload.length < 126 ? 2 : payload.length < 65_536 ? 4 : 10
    const frame = Buffer.alloc(size + 4 + payload.length)
    frame[0] = opcode | (fin ? 128 : 0)
    frame[1] = 128 | (size === 2 ? payload.length : size === 4 ? 126 : 127)
    if (size === 4) frame.writeUInt16BE(payload.length, 2)
    if (size === 10) frame.writeBigUInt64BE(BigInt(payload.length), 2)
    MASK.copy(frame, size)
    for (let at = 0; at < payload.length; at++) {
      frame[size + 4 + at] = (payload[at] as number) ^ (MASK[at & 3] as number)
    }
    this.#socket?.write(frame)
  }

  #opened({ statusCode, headers }: IncomingMessage, socket: Socket, head: Buffer): void {
    this.#socket = socket
    this.#phase = 'open'
    this.#push({ t: 'open', status: statusCode as number, headers: headers as Record<string, string> })
    socket.on('data', (chunk) => this.#read(chunk)).on('error', () => {})
    // Phoenix and ws both end the connection after the closing handshake.
    socket.on('close', () => this.#ended())
    if (head.length > 0) this.#read(head)
  }

  async #refused(response: IncomingMessage): Promise<void> {
    this.#phase = 'closed'
    const chunks: Buffer[] = []
    response.on('data', (chunk: Buffer) => chunks.push(chunk))
    await once(response, 'end')
    this.#push({
      t: 'refused',
      status: response.statusCode as number,
      body: Buffer.concat(chunks).toString(),
    })
  }

  #ended(): void {
    const by = this.#phase === 'closing' ? 'client' : 'server'
    if (this.#phase !== 'closed') this.#closed(1006, '', by)
  }

  #closed(code: number, reason: string, by: 'client' | 'server'): void {
    this.#phase = 'closed'
    this.#fences.end()
    this.#push({ t: 'close', code, reason, by })
  }

  #read(chunk: Buffer): void {
    this.#buffer = Buffer.concat([this.#buffer, chunk])
    for (let size = this.#frameSize(); size <= this.#buffer.length; size = this.#frameSize()) {
      const frame = this.#buffer.subarray(0, size)
      this.#buffer = this.#buffer.subarray(size)
      this.#take((frame[0] as number) & 15, frame.subarray(headerSize(frame)), frame)
    }
  }

  #frameSize(): number {
    const frame = this.#buffer
    if (frame.length < 2 || frame.length < headerSize(frame)) return Number.POSITIVE_INFINITY
    const length = frame[1] as number
    const extended =
      length === 126 ? frame.readUInt16BE(2) : length === 127 ? frame.readBigUInt64BE(2) : length
    return headerSize(frame) + Number(extended)
  }

  #take(opcode: number, payload: Buffer, frame: Buffer): void {
    const isCompressed = ((frame[0] as number) & 0x40) !== 0
    assert.equal((frame[0] as number) & 0xb0, 0x80, 'a server sends whole frames without reserved bits')
    if (opcode === TEXT) return this.#takeText((isCompressed ? this.#inflate(payload) : payload).toString())
    if (opcode === BINARY) return this.#push({ t: 'recv', hex: payload.toString('hex') })
    if (opcode === PONG) return this.#push({ t: 'recv_pong', hex: payload.toString('hex') })
    assert.equal(opcode, CLOSE, 'a server sends text, binary, pong and close')
    this.#takeClose(payload)
  }

  /** permessage-deflate: each message goes on where the last one ended. */
  #inflate(payload: Buffer): Buffer {
    const data = inflateRawSync(Buffer.concat([payload, Buffer.from([0, 0, 255, 255])]), {
      finishFlush: constants.Z_SYNC_FLUSH,
      dictionary: this.#inflated,
    })
    this.#inflated = Buffer.concat([this.#inflated, data]).subarray(-32_768)
    return data
  }

  #takeText(text: string): void {
    if (!this.#fences.take(text)) this.#push({ t: 'recv', text })
  }

  #takeClose(payload: Buffer): void {
    const by = this.#phase === 'closing' ? 'client' : 'server'
    const code = payload.length === 0 ? 1005 : payload.readUInt16BE(0)
    if (by === 'server') this.#frame(CLOSE, payload.subarray(0, 2), true)
    this.#closed(code, payload.subarray(2).toString(), by)
  }

  #push(event: WireEvent): void {
    this.#arrivals.push(event)
  }
}

function headerSize(frame: Buffer): number {
  const length = frame[1]
  return length === 126 ? 4 : length === 127 ? 10 : 2
}
