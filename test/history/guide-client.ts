import { readFileSync } from 'node:fs'
import type { TestContext } from 'node:test'
import type * as phoenix18 from 'phoenix'
import { Type } from 'typebox'
import WebSocket from 'ws'
import { defineChannel } from '../../src/index.ts'

// The dozen lines of docs/history.md, as they stand there, with phoenix.js as it is.

const page = readFileSync(new URL('../../docs/history.md', import.meta.url), 'utf8')
const [, lines = ''] = /```js\n\/\/ resume\.js\n(.*?)```/s.exec(page) ?? []

export interface Position {
  readonly epoch: string
  readonly offset: number
  readonly recovered: boolean
}

interface Channel<P> {
  on(event: '$resume', callback: (position: Position) => void): void
  on(event: string, callback: (payload: P, ref: string) => void): void
  onEntry(event: string, callback: (payload: P) => void): void
  joinPush: { receive(status: string, callback: (reply: { $resume: Position }) => void): void }
}

interface Guide {
  resumingChannel<P>(socket: phoenix18.Socket, topic: string): Channel<P>
}

export const guide = (await import(`data:text/javascript,${encodeURIComponent(lines)}`)) as Guide

export const room = defineChannel('room:*', {
  schema: { out: { said: Type.Object({ n: Type.Integer(), text: Type.Optional(Type.String()) }) } },
  history: { events: ['said'], size: 200 },
  join: () => ({ assigns: {} }),
})

/** A client of one topic that goes where `urlOf` says, each time that it connects. */
export function client(
  t: TestContext,
  urlOf: () => string,
  Socket: typeof phoenix18.Socket,
  topic = 'room:1',
) {
  const wires: WebSocket[] = []
  class Transport extends WebSocket {
    constructor(address: string, protocols?: string[]) {
      super(`${urlOf()}/websocket${new URL(address).search}`, protocols)
      wires.push(this)
    }
  }
  const socket = new Socket(urlOf(), {
    transport: Transport as never,
    reconnectAfterMs: () => 5,
    rejoinAfterMs: () => 5,
  })
  const took: number[] = []
  const joins: boolean[] = []
  socket.connect()
  const channel = guide.resumingChannel<{ n: number }>(socket, topic)
  channel.onEntry('said', ({ n }) => void took.push(n))
  channel.joinPush.receive('ok', ({ $resume }) => void joins.push($resume.recovered))
  t.after(() => new Promise<void>((resolve) => socket.disconnect(resolve)))
  /** Breaks the connection under the client. */
  const reset = (): void =>
    (wires.at(-1) as unknown as { _socket: { resetAndDestroy(): void } })._socket?.resetAndDestroy()
  return { socket, took, joins, reset, wire: () => wires.at(-1) as WebSocket }
}

/** Whole numbers from 1. */
export function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1)
}
