/**
 * The smallest @fastify/websocket server whose clients are told as much when they join as this package tells them, by hand: on
 * `logged:*` the position in a log, signed as theirs to have, on `present:*` who is there, and all others who has come. Nothing is checked,
 * limited, or told to other nodes, no entry is ever logged, and who goes stays in
 * the lists.
 */
import { createHmac, randomBytes } from 'node:crypto'
import websocket from '@fastify/websocket'
import fastify from 'fastify'
import type { WebSocket } from 'ws'
import { host } from './host.ts'
import { BACKLOG, https } from './listen.ts'
import { type Frame, Member, PhoenixWire, reply } from './phoenix-wire.ts'

class ToldMember extends Member {
  readonly id = randomBytes(9).toString('base64url')
  readonly #socket: WebSocket

  constructor(socket: WebSocket) {
    super()
    this.#socket = socket
  }

  override send(text: string): void {
    this.#socket.send(text)
  }
}

interface Log {
  readonly epoch: string
  readonly key: string
  readonly entries: string[]
}

type Presences = Record<string, { readonly metas: readonly object[] }>

const logs = new Map<string, Log>()
const presences = new Map<string, Presences>()

function fanout(members: Iterable<ToldMember>, text: string): void {
  for (const member of members) member.send(text)
}

function greet(member: ToldMember, frame: Frame, members: ReadonlySet<ToldMember>): void {
  const [, , topic] = frame
  if (topic.startsWith('logged:')) return reply(member, frame, { $resume: positionOf(member, topic) })
  reply(member, frame, {})
  if (topic.startsWith('present:')) tell(member, frame, members)
}

function positionOf({ id }: ToldMember, topic: string): object {
  const log = logs.get(topic) ?? makeLog(topic)
  const text = `${log.epoch}~${log.entries.length}~${id}`
  const mac = createHmac('sha256', log.key).update(`${topic}\0${text}`).digest().subarray(0, 16)
  return { epoch: `${text}~${mac.toString('base64url')}`, offset: log.entries.length, recovered: false }
}

function makeLog(topic: string): Log {
  const [epoch, key] = [randomBytes(9).toString('base64url'), randomBytes(18).toString('base64url')]
  const log = { epoch, key, entries: [] }
  logs.set(topic, log)
  return log
}

function tell(member: ToldMember, [joinRef, , topic]: Frame, members: ReadonlySet<ToldMember>): void {
  const there = presences.get(topic) ?? {}
  const entry = { metas: [{ phx_ref: randomBytes(12).toString('base64url'), seat: 1 }] }
  there[member.id] = entry
  presences.set(topic, there)
  member.send(JSON.stringify([joinRef, null, topic, 'presence_state', there]))
  const diff = { joins: { [member.id]: entry }, leaves: {} }
  fanout(members, JSON.stringify([null, null, topic, 'presence_diff', diff]))
}

const wire = new PhoenixWire<ToldMember>(fanout, greet)

const app = fastify({ https })
await app.register(websocket)
app.get('/socket/websocket', { websocket: true }, (socket) => {
  const member = new ToldMember(socket)
  socket.on('message', (data) => wire.receive(member, data))
  socket.on('close', () => wire.closed(member))
})

await host(async () => {
  const address = await app.listen({ port: 0, host: '127.0.0.1', backlog: BACKLOG })
  return Number(new URL(address).port)
})
