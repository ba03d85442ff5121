/** The part that makes a server a node of a cluster: it broadcasts by itself when the bench says so, and notes when. */
import { bodyOf, findNumber, readNumber } from '../load/sequence.ts'
import type { Message, Order, Stamps } from './commands.ts'

/** The topic of all broadcasts between nodes. */
export const TOPIC = 'bench:0'
/** Bytes of the body of each. */
export const BODY_BYTES = 100

export interface Said {
  readonly seq: number
  readonly body: string
}

const body = bodyOf(BODY_BYTES)
let stamps: { sent: Stamps; heard: Stamps } | undefined

/** The address of the broker, where this node has one. */
export function brokerUrl(): string | undefined {
  return process.argv[2]
}

/** Obeys the bench from now on; `broadcast` sends to {@link TOPIC}, on all nodes. */
export function takeOrders(broadcast: (payload: Said) => void): void {
  const say = (first: number, count: number) => {
    for (let seq = first; seq < first + count; seq += 1) {
      stamps?.sent.push([seq, nowUs()])
      broadcast({ seq, body })
    }
  }
  process.on('message', (order: Order) => obey(order, say))
}

/** Notes that `bytes`, which hold a numbered message or none, came from the broker, where the bench wants to know. */
export function noteHeard(bytes: Uint8Array): void {
  if (stamps === undefined) return
  const now = nowUs()
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const at = findNumber(buffer, 0, buffer.length, 0)
  if (at !== -1) stamps.heard.push([readNumber(buffer, at), now])
}

function obey(order: Order, say: (first: number, count: number) => void): void {
  switch (order.kind) {
    case 'say':
      return say(order.first, order.count)
    case 'pace':
      return pace(order, say)
    case 'stamp':
      stamps = { sent: [], heard: [] }
      return
    case 'stamps':
      process.send?.({ kind: 'stamps', ...(stamps ?? { sent: [], heard: [] }) } satisfies Message)
      stamps = undefined
  }
}

function pace(
  { first, turns, perTurn, everyMs }: Extract<Order, { kind: 'pace' }>,
  say: (first: number, count: number) => void,
): void {
  let turn = 0
  const timer = setInterval(() => {
    say(first + turn * perTurn, perTurn)
    turn += 1
    if (turn === turns) clearInterval(timer)
  }, everyMs)
}

/** Microseconds of the clock that all processes of a machine share. */
function nowUs(): number {
  return Number(process.hrtime.bigint() / 10n) / 100
}
