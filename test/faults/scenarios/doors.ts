import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { upgradeHead } from '../../support/peer.ts'
import { against, atMost, exactly, type Finding, noted, type Scenario } from '../scenario.ts'
import { everybodyIsServed, everybodyLeaves, Seat } from '../seat.ts'
import type { ServerProcess } from '../server-process.ts'

const PATH = '/socket/websocket?vsn=2.0.0'

interface Knocking {
  readonly socket: Socket
  answer: string
  readonly closed: Promise<unknown>
}

async function knock(port: number, bytes: string): Promise<Knocking> {
  const socket = connect({ port, host: '127.0.0.1' }).on('error', () => {})
  const closed = new Promise((resolve) => socket.on('close', resolve))
  const knocking = { socket, answer: '', closed }
  socket.on('data', (chunk) => {
    knocking.answer += chunk.toString('latin1')
  })
  await once(socket, 'connect')
  socket.write(bytes)
  return knocking
}

function knockMany(count: number, port: number, bytes: string): Promise<Knocking[]> {
  return Promise.all(Array.from({ length: count }, () => knock(port, bytes)))
}

function gone(all: readonly Knocking[]): Promise<unknown> {
  return Promise.all(all.map(({ closed }) => closed))
}

const RESETS = { small: 40, full: 900 } as const

/** Every place is taken by a client that is gone before `connect` has said yes. */
export const resets: Scenario = {
  name: 'TCP resets while connect is async',
  play(size) {
    const connections = RESETS[size]
    return against({ beryl: { limits: { connections } } }, (server) => reset(server, connections))
  },
}

async function reset(server: ServerProcess, count: number): Promise<Finding[]> {
  await server.tell('shutGate')
  const knocking = await knockMany(count, server.port, upgradeHead(server.port, PATH))
  const { waiting } = await server.settled((status) => status.waiting === count)
  for (const { socket } of knocking) socket.resetAndDestroy()
  await gone(knocking)
  await server.tell('openGate')
  const { connections } = await server.settled((status) => status.waiting === 0 && status.connections === 0)
  const seats = await Seat.takeMany(count, server)
  await everybodyIsServed(seats)
  const findings = [
    exactly('clients reset while connect decides', count, waiting),
    exactly('connections of them', 0, connections),
    exactly('places that are free again', count, seats.length),
  ]
  await everybodyLeaves(seats)
  return findings
}

const HALVES = {
  small: { count: 40, http: { headersTimeout: 300, connectionsCheckingInterval: 50 } },
  // Node's own times, which are those of Fastify: 60 s, looked at every 30 s.
  full: { count: 1_000, http: undefined },
} as const

export const halfUpgrades: Scenario = {
  name: 'upgrades that are sent by half',
  play(size) {
    const { count, http } = HALVES[size]
    return against(http === undefined ? {} : { http }, (server) => half(server, count))
  },
}

async function half(server: ServerProcess, count: number): Promise<Finding[]> {
  const seats = await Seat.takeMany(5, server)
  await everybodyIsServed(seats)
  const before = await server.tell('measures')
  const startedAt = performance.now()
  const head = upgradeHead(server.port, PATH)
  const knocking = await knockMany(count, server.port, head.slice(0, head.length / 2))
  const heartbeats = setInterval(() => {
    for (const seat of seats) seat.echo()
  }, 5_000)
  await everybodyIsServed(seats)
  await gone(knocking)
  clearInterval(heartbeats)
  const seconds = (performance.now() - startedAt) / 1_000
  await everybodyIsServed(seats)
  const after = await server.tell('measures')
  const findings = [
    atMost('cut by Node (headersTimeout) after', 100, seconds, ' s'),
    exactly(
      'told so with 408',
      count,
      knocking.filter(({ answer }) => answer.startsWith('HTTP/1.1 408')).length,
    ),
    exactly('file descriptors left of them', 0, after.descriptors - before.descriptors),
    exactly('clients that are still served', seats.length, seats.filter(({ peer }) => !peer.isGone).length),
  ]
  await everybodyLeaves(seats)
  return findings
}

const HEADS = { small: 20, full: 1_000 } as const
const HEAD_BYTES = 100 * 1_024

export const bigHeads: Scenario = {
  name: '100 KB of headers',
  play: (size) => against({}, (server) => bigHead(server, HEADS[size])),
}

async function bigHead(server: ServerProcess, count: number): Promise<Finding[]> {
  const seats = await Seat.takeMany(5, server)
  await everybodyIsServed(seats)
  const before = await server.tell('measures')
  const header = `X-Long: ${'x'.repeat(HEAD_BYTES)}\r\n\r\n`
  const head = upgradeHead(server.port, PATH).replace(/\r\n$/, header)
  let refused = 0
  for (let sent = 0; sent < count; sent += BATCH) {
    const knocking = await knockMany(Math.min(BATCH, count - sent), server.port, head)
    await gone(knocking)
    refused += knocking.filter(({ answer }) => answer.startsWith('HTTP/1.1 431') || answer === '').length
  }
  await everybodyIsServed(seats)
  const after = await server.tell('measures')
  const findings = [
    noted('heads', `${count} of ${HEAD_BYTES / 1_024} KiB`),
    exactly('refused with 431, or reset while they still wrote', count, refused),
    exactly('file descriptors left of them', 0, after.descriptors - before.descriptors),
    atMost('growth of the heap', 1_024, (after.heapBytes - before.heapBytes) / 1_024, ' KiB'),
    exactly('clients that are still served', seats.length, seats.filter(({ peer }) => !peer.isGone).length),
  ]
  await everybodyLeaves(seats)
  return findings
}

const BATCH = 20
