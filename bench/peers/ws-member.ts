import type { WebSocket } from 'ws'
import { Member, type PhoenixWire } from './phoenix-wire.ts'

/** A member behind a socket of ws, which is written to as the README of ws shows. */
export class WsMember extends Member {
  readonly #socket: WebSocket

  constructor(socket: WebSocket) {
    super()
    this.#socket = socket
  }

  override send(text: string): void {
    this.#socket.send(text)
  }
}

/** One `socket.send(text)` for each subscriber. */
export function sendToEach(members: Iterable<Member>, text: string): void {
  for (const member of members) member.send(text)
}

/** A client has come. */
export function carry<M extends WsMember>(wire: PhoenixWire<M>, socket: WebSocket, member: M): void {
  socket.on('message', (data) => wire.receive(member, data))
  socket.on('close', () => wire.closed(member))
}
