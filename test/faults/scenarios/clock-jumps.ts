import Fastify from 'fastify'
import { Type } from 'typebox'
import type { Clock } from '../../../src/ground/clock.ts'
import { beryl, defineChannel } from '../../../src/index.ts'
import { connect, fakeClock } from '../../../src/testing/index.ts'
import { exactly, type Finding, type Scenario } from '../scenario.ts'

const HOUR_MS = 3_600_000
const CLIENTS = 20

const club = defineChannel('club:*', {
  schema: { presence: Type.Object({}) },
  join: () => ({ assigns: {} }),
  joined: (socket) => void socket.presence.track('member', {}),
})

/**
 * The wall clock is set, forward and back; then the machine sleeps for an hour, after which even the monotonic clock has
 * moved and every timer is late.
 */
export const clockJumps: Scenario = {
  name: 'the clock jumps by an hour',
  async play() {
    return [
      ...(await jump('wall clock +1 h', HOUR_MS, 0)),
      ...(await jump('wall clock −1 h', -HOUR_MS, 0)),
    ].concat(await jump('an hour of sleep', HOUR_MS, HOUR_MS))
  },
}

async function jump(what: string, wallMs: number, monotonicMs: number): Promise<Finding[]> {
  const fake = fakeClock()
  let wall = 0
  let monotonic = 0
  const clock: Clock = { ...fake, now: () => fake.now() + monotonic, date: () => fake.date() + wall }
  const app = Fastify()
  await app.register(beryl, { channels: [club], clock: Object.assign(clock, { settle: fake.settle }) })
  const clients = await Promise.all(Array.from({ length: CLIENTS }, () => connect(app)))
  await Promise.all(clients.map((client) => client.join(club, 'club:1')))
  wall = wallMs
  monotonic = monotonicMs
  for (let sweep = 0; sweep < 12; sweep++) {
    for (const client of clients) await client.heartbeat()
    await fake.advance(10_000)
  }
  const open = clients.filter(({ closed }) => closed === undefined).length
  const members = app.presence.list('club:1').member?.metas.length ?? 0
  const left = clients.flatMap(({ received }) => received.filter(({ payload }) => hasLeaves(payload))).length
  const closed = app.close()
  await fake.advance(30_000)
  await closed
  return [
    exactly(`${what}: connections two minutes later`, CLIENTS, open),
    exactly(`${what}: presences`, CLIENTS, members),
    exactly(`${what}: presences seen to leave`, 0, left),
  ]
}

function hasLeaves(payload: unknown): boolean {
  const { leaves = {} } = payload as { leaves?: object }
  return Object.keys(leaves).length > 0
}
