import { Peer, UpgradeRefused } from '../../support/peer.ts'
import { until } from '../../support/until.ts'
import { against, atLeast, atMost, exactly, type Finding, noted, type Scenario } from '../scenario.ts'
import { everybodyIsServed, everybodyLeaves, Seat } from '../seat.ts'
import type { ServerProcess } from '../server-process.ts'

const RUSH = { small: 300, full: 10_000 } as const

export const rush: Scenario = {
  name: 'everybody connects at once',
  play: (size) => against({ beryl: { limits: { messages: false } } }, (server) => rushIn(server, RUSH[size])),
}

async function rushIn(server: ServerProcess, count: number): Promise<Finding[]> {
  const control = await Seat.take(server)
  const startedAt = performance.now()
  const peers: Peer[] = []
  const refusals: string[] = []
  let unanswered = 0
  const connect = async (index: number): Promise<void> => {
    try {
      peers.push(await Peer.open({ port: server.port, localAddress: address(index) }))
    } catch (error) {
      if (error instanceof UpgradeRefused) refusals.push(error.head)
      else unanswered++
    }
  }
  const rushing = Promise.all(Array.from({ length: count }, (_, index) => connect(index)))
  let isOver = false
  void rushing.then(() => {
    isOver = true
  })
  while (!isOver) await everybodyIsServed([control])
  const seconds = (performance.now() - startedAt) / 1_000
  const seats = peers.map((peer) => new Seat(peer))
  for (const seat of seats) seat.send('room:2', 'phx_join', '{}')
  await until('all who are in have joined', () => seats.every((seat) => seat.isAnswered))
  const { connections } = await server.status()
  await Promise.all(seats.map(({ peer }) => peer.reset()))
  const { connections: left } = await server.settled((status) => status.connections === 1)
  const findings = [
    noted('time until all are answered', `${seconds.toFixed(1)} s`),
    exactly('answered: in, or 503 with Retry-After', count, peers.length + refusals.filter(isPolite).length),
    exactly('without an answer', 0, unanswered),
    noted('in at the first try', String(peers.length)),
    exactly('in and joined, by the server’s count', peers.length + 1, connections),
    exactly('left when all are gone, beside the control client', 1, left),
    exactly('control messages unanswered or refused', 0, control.sent - control.answered),
    atMost('slowest answer to the control client', 5_000, control.slowestMs, ' ms'),
  ]
  await control.peer.close()
  return findings
}

function isPolite(head: string): boolean {
  return head.startsWith('HTTP/1.1 503') && /retry-after: \d+/i.test(head)
}

/** Each address has ports of its own. */
export function address(index: number): string {
  return `127.0.0.${2 + (index % 8)}`
}

const FEW = { descriptors: 256, clients: 400 } as const

/** Small and full alike: the limit is what it is. */
export const fewDescriptors: Scenario = {
  name: 'no file descriptors left (ulimit -n 256)',
  play: () => against({}, runOut, FEW.descriptors),
}

async function runOut(server: ServerProcess): Promise<Finding[]> {
  const first = await Seat.takeMany(20, server)
  const late = Array.from({ length: FEW.clients }, () => Peer.open(server).catch(() => undefined))
  const come = (await Promise.all(late)).filter((peer) => peer !== undefined)
  await everybodyIsServed(first)
  const full = await server.status()
  await Promise.all(come.map((peer) => peer.reset()))
  await server.settled(({ connections }) => connections === first.length)
  const again = await Seat.takeMany(100, server)
  await everybodyIsServed([...first, ...again])
  const findings = [
    noted('connections when full', `${full.connections} of ${first.length + FEW.clients}`),
    atLeast('clients turned away', 1, FEW.clients - come.length),
    exactly(
      'clients from before who are still served',
      first.length,
      first.filter(({ peer }) => !peer.isGone).length,
    ),
    exactly('clients let in again when others have left', 100, again.length),
  ]
  await everybodyLeaves([...first, ...again])
  return findings
}
