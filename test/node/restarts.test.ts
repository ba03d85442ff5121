import assert from 'node:assert/strict'
import { test } from 'node:test'
import Fastify, { type FastifyInstance } from 'fastify'
import beryl, { defineChannel } from 'fastify-beryl'
import { connect, type FakeClock, fakeClock, memoryNetwork, type TestClient } from 'fastify-beryl/testing'
import { Type } from 'typebox'
import { FACTOR } from '../support/property.ts'

// Three nodes under traffic, whose processes are restarted at random, also several at once. After that everybody agrees, and
// nobody is connected and deaf.

const PROCESSES = ['pubsub', 'coordinator', 'presence', 'groups']

const room = defineChannel('room:*', {
  schema: {
    join: Type.Object({ name: Type.String() }),
    in: { say: Type.Object({ text: Type.String() }) },
    out: { said: Type.Object({ text: Type.String() }) },
    presence: Type.Object({}),
  },
  join: ({ payload }) => ({ assigns: payload }),
  joined: (socket) => socket.presence.track(socket.assigns.name, {}),
  in: { say: ({ text }, socket) => socket.broadcast('said', { text }) },
})

/** The same numbers for the same seed. */
function dice(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

interface Guest {
  readonly node: number
  readonly name: string
  client: TestClient | undefined
}

/** Three nodes with two clients each, and what is true of them. */
class World {
  readonly clock: FakeClock = fakeClock()
  readonly nodes: FastifyInstance[] = []
  readonly guests: Guest[] = []
  readonly bots = new Map<string, AbortController>()
  readonly roll: (below: number) => number
  restarts = 0
  #said = 0

  constructor(seed: number) {
    this.roll = dice(seed)
  }

  async start(): Promise<void> {
    const network = memoryNetwork()
    for (let n = 0; n < 3; n++) {
      const app = Fastify()
      await app.register(beryl, {
        channels: [room],
        pubsub: network.adapter(),
        clock: this.clock,
        supervision: { intensity: 100_000, onGiveUp: () => {} },
      })
      await app.ready()
      this.nodes.push(app)
      for (let seat = 0; seat < 2; seat++)
        this.guests.push({ node: n, name: `guest-${n}-${seat}`, client: undefined })
    }
    for (const guest of this.guests) await this.seat(guest)
  }

  /** A client that was told to come back comes back, as phoenix.js does: it connects and joins again. */
  async seat(guest: Guest): Promise<void> {
    if (guest.client !== undefined && guest.client.closed === undefined) return
    if (guest.client?.closed !== undefined)
      assert.equal(guest.client.closed.code, 1012, `${guest.name} was told to come back`)
    guest.client = undefined
    try {
      const client = await connect(this.app(guest.node))
      guest.client = client
      await client.join(room, 'room:1', { name: guest.name })
    } catch {
      // Refused, or closed meanwhile, because something restarts: it tries again later.
    }
  }

  app(n: number): FastifyInstance {
    return this.nodes[n] as FastifyInstance
  }

  async play(): Promise<void> {
    const app = this.app(this.roll(3))
    const kind = this.roll(10)
    const name = `team-${this.roll(3)}`
    if (kind < 2) app.channels.broadcast('room:1', 'said', { text: String(this.#said++) })
    if (kind === 2) this.#bot(app)
    if (kind === 3 && !app.groups.has(name)) app.groups.create(name)
    if (kind === 4 && app.groups.has(name)) app.groups.add(name, `room:${this.roll(3)}`)
    if (kind === 5 && app.groups.has(name)) app.groups.remove(name, `room:${this.roll(3)}`)
    if (kind === 6) await this.clock.advance(this.roll(2_000))
    if (kind === 7) for (const guest of this.guests) await this.seat(guest)
    if (kind > 7) this.#crash()
  }

  /** One to three processes, of any nodes, in one turn. */
  #crash(): void {
    for (let left = 1 + this.roll(3); left > 0; left--) {
      const { supervisor } = this.app(this.roll(3)).channels
      const reason = this.roll(2) === 0 ? 'killed' : { error: new Error('crashed') }
      supervisor?.exitChild(PROCESSES[this.roll(PROCESSES.length)] as string, reason)
      this.restarts++
    }
  }

  #bot(app: FastifyInstance): void {
    const key = `bot-${this.roll(4)}`
    const before = this.bots.get(key)
    if (before !== undefined) before.abort()
    this.bots.delete(key)
    if (before !== undefined) return
    const bot = new AbortController()
    this.bots.set(key, bot)
    app.presence.track('room:1', key, {}, { owner: bot.signal })
  }

  /** Ten seconds without a crash, in which those come back who were told to. */
  async settle(): Promise<void> {
    await this.clock.settle()
    for (let round = 0; round < 2; round++) {
      for (const guest of this.guests) await this.seat(guest)
      await this.clock.advance(5_000)
    }
  }

  async assertAgreed(): Promise<void> {
    const keys = [...this.guests.map(({ name }) => name), ...this.bots.keys()].sort()
    const groups = this.nodes.map(({ groups }) =>
      JSON.stringify(
        groups
          .list()
          .sort()
          .map((name) => [name, [...groups.topics(name)].sort()]),
      ),
    )
    for (const [n, { presence, channels }] of this.nodes.entries()) {
      assert.equal(channels.status().state, 'running')
      const list = presence.list('room:1')
      assert.deepEqual(Object.keys(list).sort(), keys, `node ${n} shows who is there`)
      for (const { metas } of Object.values(list)) assert.equal(metas.length, 1)
      assert.equal(groups[n], groups[0], `node ${n} has the groups of the others`)
    }
    for (const [n, { channels }] of this.nodes.entries()) {
      channels.broadcast('room:1', 'said', { text: `from ${n}` })
      for (const { client, name } of this.guests) {
        const text = { event: 'said', payload: { text: `from ${n}` } }
        await (client as TestClient)
          .expectMessage(text)
          .catch((error) => assert.fail(`${name} is deaf: ${error}`))
      }
    }
  }
}

test('three nodes agree within ten seconds of restarts of any processes, three at once, and no client is connected and deaf', async (t) => {
  let restarts = 0
  for (let seed = 1; seed <= 12 * FACTOR; seed++) {
    const world = new World(seed)
    try {
      await world.start()
      for (let step = 0; step < 60; step++) await world.play()
      await world.settle()
      await world.assertAgreed()
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error })
    } finally {
      for (const node of world.nodes) {
        const closing = node.close()
        await world.clock.advance(40_000)
        await closing
      }
    }
    restarts += world.restarts
  }
  t.diagnostic(`${restarts} restarts`)
})
