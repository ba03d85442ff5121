/**
 * The smallest @fastify/websocket server whose clients are told as much when they join as this package tells them, by hand: on
 * `logged:*` the position in a log, signed as theirs to have, on `present:*` who is there, and all others who has come. Nothing is checked,
 * limited, or told to other nodes, no entry is ever logged, and who goes stays in
 * the lists.
 */
import { createHmac, randomBytes } from 'node:crypto'
import { hostWithFastify } from './fastify-host.ts'
import { type Frame, PhoenixWire, reply } from './phoenix-wire.ts'
import { carry, sendToEach, WsMember } from './ws-member.ts'

class ToldMember extends WsMember {
  readonly id = randomBytes(9).toString('base64url')
}

interface Log {
  readonly epoch: string
  readonly key: string
  readonly entries: string[]
}

type Presences = Record<string, { readonly metas: readonly object[] }>

const logs = new Map<string, Log>()
const presences = new Map<string, Presences>()

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
  sendToEach(members, JSON.stringify([null, null, topic, 'presence_diff', diff]))
}

const wire = new PhoenixWire<ToldMember>(sendToEach, greet)

await hostWithFastify((socket) => carry(wire, socket, new ToldMember(socket)))
