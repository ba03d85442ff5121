import { against, atMost, exactly, type Finding, noted, type Scenario } from '../faults/scenario.ts'
import { address } from '../faults/scenarios/crowds.ts'
import type { ServerMeasures, ServerProcess } from '../faults/server-process.ts'
import { Peer } from '../support/peer.ts'
import { until } from '../support/until.ts'

// Clients that come and go must leave nothing behind.

const UNLIMITED = {
  limits: { joins: false, messages: false, bytesPerSecond: false },
  presence: { limits: { changesPerSecond: false } },
} as const
const MINUTES = 60_000
/** Heaps are measured on the way, too: what leaks grows with every part, what settles does not. */
const PARTS = 5

/** A deed that is done again and again: `count` times, numbered from `from`. */
type Churn = (server: ServerProcess, from: number, count: number) => Promise<void>

async function soak(
  server: ServerProcess,
  churn: Churn,
  scale: { warmUp: number; count: number },
): Promise<Finding[]> {
  const { warmUp, count } = scale
  await churn(server, 0, warmUp)
  const before = await rest(server)
  const startedAt = performance.now()
  const series: ServerMeasures[] = []
  for (let part = 0; part < PARTS; part++) {
    await churn(server, warmUp + (part * count) / PARTS, count / PARTS)
    series.push(await rest(server))
  }
  const seconds = (performance.now() - startedAt) / 1_000
  const after = series.at(-1) as ServerMeasures
  const { connections, channels, topics } = await server.status()
  const alive = Object.entries(await server.tell('alive')).filter(([, number]) => number > 0)
  return [
    noted('took', `${seconds.toFixed(1)} s: ${Math.round(count / seconds).toLocaleString('en')} a second`),
    noted(
      'heap before, and after each fifth',
      [before, ...series].map(({ heapBytes }) => mebibytes(heapBytes)).join(', '),
    ),
    atMost('growth of the heap', 1_024, (after.heapBytes - before.heapBytes) / 1_024, ' KiB'),
    exactly('connections, channels and topics left', 0, connections + channels + topics),
    exactly(`objects left in the heap${alive.map(([name]) => ` (${name})`)}`, 0, alive.length),
    same('file descriptors', String(before.descriptors), String(after.descriptors)),
    same('active resources', JSON.stringify(before.resources), JSON.stringify(after.resources)),
  ]
}

/** Waits until the last sockets are closed and the last timers have run out, and measures. */
async function rest(server: ServerProcess): Promise<ServerMeasures> {
  await server.settled(({ connections }) => connections === 0)
  let measures = await server.tell('measures')
  const deadline = performance.now() + 30_000
  // A socket that has ended is closed a turn or two later; timers of presence run out.
  while (performance.now() < deadline) {
    const next = await server.tell('measures')
    const isAtRest = next.heapBytes >= measures.heapBytes && next.descriptors >= measures.descriptors
    measures = { ...next, heapBytes: Math.min(next.heapBytes, measures.heapBytes) }
    if (isAtRest && measures.resources.Timeout === undefined) break
  }
  return measures
}

function same(what: string, before: string, after: string): Finding {
  return { what: `${what} before and after`, wanted: before, measured: after, holds: before === after }
}

function mebibytes(bytes: number): string {
  return `${(bytes / 1_048_576).toFixed(2)} MiB`
}

const JOINS = { small: { warmUp: 20_000, count: 4_000 }, full: { warmUp: 50_000, count: 1_000_000 } } as const
const CLIENTS = 10
const PIPELINED = 50

/** Every topic is a new one; in half of them the joiner is present. */
export const joinsAndLeaves: Scenario = {
  name: 'joins and leaves',
  play: (size) => against({ beryl: UNLIMITED }, (server) => soak(server, joinAndLeave, JOINS[size])),
}

const joinAndLeave: Churn = async (server, from, count) => {
  const share = Math.ceil(count / CLIENTS)
  const starts = Array.from({ length: CLIENTS }, (_, index) => from + index * share)
  await Promise.all(starts.map((start) => comeAndGo(server, start, Math.min(share, from + count - start))))
}

async function comeAndGo(server: ServerProcess, from: number, count: number): Promise<void> {
  const peer = await Peer.open(server)
  let closes = 0
  peer.onMessage = (payload) => {
    if (payload.includes('"phx_close"')) closes++
  }
  for (let done = 0; done < count; done++) {
    const n = from + done
    const topic = `${n % 2 === 0 ? 'room' : 'club'}:${n}`
    peer.text(`["${n}","j","${topic}","phx_join",{}]`)
    peer.text(`["${n}","l","${topic}","phx_leave",{}]`)
    if (done % PIPELINED === PIPELINED - 1)
      await until('the channels are closed', () => closes === done + 1, MINUTES)
  }
  await until('all channels are closed', () => closes === count, MINUTES)
  await peer.close()
}

const CONNECTS = { small: { warmUp: 300, count: 300 }, full: { warmUp: 20_000, count: 100_000 } } as const
const AT_A_TIME = 50

/** Each joins two topics; one in two closes, the other breaks off. */
export const connects: Scenario = {
  name: 'clients that come and go',
  play: (size) => against({ beryl: UNLIMITED }, (server) => soak(server, connectAll, CONNECTS[size])),
}

const connectAll: Churn = async (server, from, count) => {
  for (let start = from; start < from + count; start += AT_A_TIME) {
    const batch = Math.min(AT_A_TIME, from + count - start)
    await Promise.all(Array.from({ length: batch }, (_, index) => visit(server, start + index)))
  }
}

async function visit(server: ServerProcess, n: number): Promise<void> {
  const peer = await Peer.open({ port: server.port, localAddress: address(n) })
  let replies = 0
  peer.onMessage = (payload) => {
    if (payload.includes('"phx_reply"')) replies++
  }
  for (const topic of [`room:${n}`, 'club:1']) peer.text(`["1","1","${topic}","phx_join",{}]`)
  await until('a visitor has joined', () => replies === 2, MINUTES)
  await (n % 2 === 0 ? peer.close() : peer.reset())
}
