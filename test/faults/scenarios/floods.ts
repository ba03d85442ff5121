import { Peer } from '../../support/peer.ts'
import { until } from '../../support/until.ts'
import { against, atLeast, atMost, exactly, type Finding, noted, type Scenario } from '../scenario.ts'
import { everybodyLeaves, Seat, sum } from '../seat.ts'
import type { ServerProcess } from '../server-process.ts'

const WITNESSES = 10
const BATCH = 500
/** Witnesses stay below the limit of 100 messages a second. */
const WITNESS_MS = 50

/** Small: the library's time passes faster, so that the 5 s of a flood are over sooner. */
export const messageFlood: Scenario = {
  name: 'a flood of messages',
  play(size) {
    const clockFactor = size === 'small' ? 5 : 1
    return against({ clockFactor }, (server) => floodMessages(server, clockFactor))
  },
}

async function floodMessages(server: ServerProcess, clockFactor: number): Promise<Finding[]> {
  const witnesses = await Seat.takeMany(WITNESSES, server)
  const flooder = await Seat.take(server, 'room:2')
  const startedAt = performance.now()
  let witnessedAt = startedAt
  while (!flooder.peer.isGone) {
    for (let message = 0; message < BATCH; message++) flooder.send('room:2', 'echo', '{}')
    await until('the batch is answered', () => flooder.isAnswered || flooder.peer.isGone)
    if (performance.now() - witnessedAt < WITNESS_MS) continue
    witnessedAt = performance.now()
    for (const witness of witnesses) if (witness.isAnswered) witness.echo()
  }
  const seconds = ((performance.now() - startedAt) / 1_000) * clockFactor
  await until('the witnesses are answered', () => witnesses.every(({ isAnswered }) => isAnswered))
  const findings = [
    noted('sent by the flooder', `${flooder.sent} messages in ${seconds.toFixed(1)} s`),
    exactly('the flooder is closed with', 1008, await flooder.peer.closed),
    atMost('of them handled (burst 200, then 100 a second)', 202 + 100 * seconds, flooder.answered),
    atMost(
      'neither handled nor told to wait: sent behind the close',
      BATCH,
      flooder.sent - flooder.answered - flooder.refused,
    ),
    atLeast(
      'messages of the witnesses',
      WITNESSES,
      sum(witnesses, ({ sent }) => sent),
    ),
    exactly(
      'refused to the witnesses',
      0,
      sum(witnesses, ({ refused }) => refused),
    ),
    atMost(
      'slowest answer to a witness',
      1_000,
      Math.max(...witnesses.map(({ slowestMs }) => slowestMs)),
      ' ms',
    ),
  ]
  await everybodyLeaves(witnesses)
  return findings
}

const JOINS = { small: 4_000, full: 100_000 } as const
const UNLIMITED = { limits: { joins: false, messages: false, bytesPerSecond: false } } as const

export const joinFlood: Scenario = {
  name: 'a flood of joins that are refused',
  play: (size) => against({ beryl: UNLIMITED }, (server) => floodJoins(server, JOINS[size])),
}

/** Half are refused by the channel, half have none. */
async function floodJoins(server: ServerProcess, joins: number): Promise<Finding[]> {
  const peer = await Peer.open(server)
  let refused = 0
  peer.onMessage = (payload) => {
    if (payload.includes('"status":"error"')) refused++
  }
  await join(peer, joins / 10, 0, () => refused)
  const before = await server.tell('measures')
  const asked = (await server.status()).subscriptions
  await join(peer, joins, joins, () => refused)
  const after = await server.tell('measures')
  const { topics, channels, subscriptions } = await server.status()
  await peer.close()
  return [
    exactly('joins refused', joins + joins / 10, refused),
    exactly('channels', 0, channels),
    exactly('topics', 0, topics),
    exactly('questions to the broker', 0, subscriptions - asked),
    atMost('growth of the heap', 1_024, (after.heapBytes - before.heapBytes) / 1_024, ' KiB'),
  ]
}

async function join(peer: Peer, count: number, from: number, refused: () => number): Promise<void> {
  const before = refused()
  for (let sent = 0; sent < count; sent++) {
    const topic = `${sent % 2 === 0 ? 'no' : 'nobody'}:${from + sent}`
    peer.text(`["${sent}","${sent}","${topic}","phx_join",{}]`)
    if (sent % BATCH === BATCH - 1) await until('joins are refused', () => refused() - before > sent)
  }
  await until('all joins are refused', () => refused() - before === count)
}
