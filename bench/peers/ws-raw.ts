/**
 * Node's practical limit, the yardstick of all ratios: `ws` reads, but writing goes past its sender. A broadcast is
 * framed once and the same bytes are written to every net.Socket; the writes of one turn of the event loop are
 * corked, so they leave in one system call per socket. Nothing else is done: no validation, no limits.
 */
import { createServer } from 'node:http'
import type { Socket } from 'node:net'
import { WebSocketServer } from 'ws'
import { host } from './host.ts'
import { listenOn } from './listen.ts'
import { Member, PhoenixWire } from './phoenix-wire.ts'

class RawMember extends Member {
  readonly #socket: Socket

  constructor(socket: Socket) {
    super()
    this.#socket = socket
  }

  override send(text: string): void {
    this.write(textFrame(text))
  }

  write(frame: Buffer): void {
    if (this.#socket.writableCorked === 0) corkForThisTurn(this.#socket)
    this.#socket.write(frame)
  }
}

const corked: Socket[] = []

function corkForThisTurn(socket: Socket): void {
  if (corked.length === 0) setImmediate(uncorkAll)
  corked.push(socket)
  socket.cork()
}

function uncorkAll(): void {
  for (const socket of corked) socket.uncork()
  corked.length = 0
}

/** An unmasked, unfragmented text frame: `81`, the length in 7, 7 + 16 or 7 + 64 bits, the text. */
function textFrame(text: string): Buffer {
  const length = Buffer.byteLength(text)
  const header = length < 126 ? 2 : length < 65_536 ? 4 : 10
  const frame = Buffer.allocUnsafe(header + length)
  frame[0] = 0x81
  frame[1] = header === 2 ? length : header === 4 ? 126 : 127
  if (header === 4) frame.writeUInt16BE(length, 2)
  if (header === 10) frame.writeBigUInt64BE(BigInt(length), 2)
  frame.write(text, header)
  return frame
}

const server = createServer()
const wire = new PhoenixWire<RawMember>((members, text) => {
  const frame = textFrame(text)
  for (const member of members) member.write(frame)
})

new WebSocketServer({ server, path: '/socket/websocket' }).on('connection', (socket, request) => {
  const member = new RawMember(request.socket)
  socket.on('message', (data) => wire.receive(member, data))
  socket.on('close', () => wire.closed(member))
})

await host(() => listenOn(server))
