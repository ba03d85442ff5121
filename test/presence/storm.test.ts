import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import Fastify from 'fastify'
import { Type } from 'typebox'
import { Connection, type Listener } from '../../bench/load/connection.ts'
import { phoenixV2 } from '../../bench/load/dialect.ts'
import { systemClock } from '../../src/ground/clock.ts'
import beryl, { defineChannel } from '../../src/index.ts'
import { type FakeClock, fakeClock } from '../../src/testing/fake-clock.ts'
import { until } from '../support/until.ts'

// Members of one topic who are cut off and come back, as fast as 10,000 within five seconds: real sockets, and a clock that
// moves when all frames of a step have come. `npm run bench -- --presence` is the same at full size.

const MEMBERS = 600
const STAYERS = 10
const PER_MS = 2
const STEP_MS = 10
const TOPIC = 'lounge:1'

const lounge = defineChannel('lounge:*', {
  schema: { out: { step: Type.Object({}) }, presence: Type.Object({ name: Type.String() }) },
  join: () => ({ assigns: {} }),
  joined(socket) {
    socket.presence.track(socket.id, { name: 'Ann' })
  },
})

type Presences = Record<string, { readonly metas: readonly { readonly phx_ref: string }[] }>
type Frame = [unknown, unknown, string, string, { joins?: Presences; leaves?: Presences } & Presences]

const refsOf = (presences: Presences = {}): string[] =>
  Object.values(presences).flatMap(({ metas }) => metas.map(({ phx_ref }) => phx_ref))

/** One member: the frames of presence that came, and the list that they add up to. */
class Member implements Listener {
  readonly #clock: FakeClock
  readonly told: number[] = []
  refs = new Set<string>()
  steps = 0
  connection: Connection | undefined

  constructor(clock: FakeClock) {
    this.#clock = clock
  }

  frame(_: Connection, bytes: Buffer, start: number, end: number): void {
    const [, , , event, payload]: Frame = JSON.parse(bytes.toString('utf8', start, end))
    if (event === 'step') this.steps += 1
    if (!event.startsWith('presence_')) return
    this.told.push(this.#clock.now())
    if (event === 'presence_state') this.refs = new Set(refsOf(payload))
    else {
      for (const ref of refsOf(payload.joins)) this.refs.add(ref)
      for (const ref of refsOf(payload.leaves)) this.refs.delete(ref)
    }
  }

  lost(): void {
    assert.fail('a member was closed')
  }

  get mostInASecond(): number {
    return Math.max(
      0,
      ...this.told.map((from) => this.told.filter((at) => at >= from && at < from + 1_000).length),
    )
  }
}

class Stage {
  readonly app = Fastify()
  readonly clock: FakeClock = { ...fakeClock(), setImmediate: systemClock.setImmediate }
  members: Member[] = []
  #port = 0

  async start(t: TestContext): Promise<void> {
    const limits = { connections: 2 * MEMBERS, joins: false } as const
    await this.app.register(beryl, { channels: [lounge], limits, clock: this.clock })
    await this.app.listen({ port: 0, host: '127.0.0.1', backlog: MEMBERS })
    this.#port = (this.app.server.address() as AddressInfo).port
    t.after(async () => {
      for (const { connection } of this.members) connection?.reset()
      await until('all are gone', () => this.app.channels.status().connections === 0)
      await this.app.close()
    })
  }

  async come(count: number): Promise<void> {
    const target = { port: this.#port, dialects: [phoenixV2], topicPrefix: 'lounge' }
    const members = Array.from({ length: count }, () => new Member(this.clock))
    await Promise.all(
      members.map(async (member) => {
        member.connection = await Connection.open({ ...target, listener: member }, 0, [TOPIC])
      }),
    )
    this.members.push(...members)
  }

  /** Time passes, in steps: each ends when all have what was sent in it. */
  async pass(ms: number, stepMs: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += stepMs) {
      await this.clock.advance(stepMs)
      const before = this.members.map(({ steps }) => steps)
      this.app.channels.broadcast(TOPIC as never, 'step' as never, {} as never)
      await until('all have the step', () =>
        this.members.every(({ steps }, index) => steps > (before[index] ?? 0)),
      )
    }
  }

  async cutOff(stayers: number): Promise<void> {
    for (const { connection } of this.members.splice(stayers)) connection?.reset()
    await until('they are gone', () => this.app.channels.subscriberCount(TOPIC) === stayers)
  }
}

test('P21 members who are cut off and come back at 2,000 a second are told twice in a second at most, and all lists are equal', async (t) => {
  const stage = new Stage()
  await stage.start(t)
  await stage.come(STAYERS)
  await stage.come(MEMBERS - STAYERS)
  await stage.pass(3_000, 100)
  for (const { told } of stage.members) told.length = 0
  await stage.cutOff(STAYERS)
  for (let back = 0; back < MEMBERS - STAYERS; back += PER_MS * STEP_MS) {
    await stage.come(Math.min(PER_MS * STEP_MS, MEMBERS - STAYERS - back))
    await stage.pass(STEP_MS, STEP_MS)
  }
  await stage.pass(3_000, 100)
  const refs = refsOf(stage.app.presence.list(TOPIC) as unknown as Presences).sort()
  assert.equal(refs.length, MEMBERS)
  for (const member of stage.members) {
    assert.deepEqual([...member.refs].sort(), refs)
    assert.ok(member.mostInASecond <= 2, `${member.mostInASecond} in a second`)
  }
})
