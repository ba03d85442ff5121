import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readEntry } from '../../src/history/entry.ts'
import { fakeClock } from '../../src/testing/fake-clock.ts'
import { FACTOR } from '../support/property.ts'
import { type Client, Node, room } from './lab.ts'
import { type Fault, ModelLog } from './model-log.ts'

// Clients that keep the rule of the guide, on three nodes over an engine with every fault: each of them has each entry once and in
// order, from its first join on, or was told that it has not.

const TOPIC = 'topic:room:1'
const SIZE = 6

type Step =
  | { readonly do: 'publish' | 'broadcast' | 'evict' | 'cut' | 'heal'; readonly node: number }
  | { readonly do: 'say' | 'sayToOthers' | 'join' | 'drop'; readonly client: number }
  | { readonly do: 'fault'; readonly node: number; readonly fault: Fault }
  | { readonly do: 'advance'; readonly ms: number }
  | { readonly do: 'failOver'; readonly lost: number }
  | { readonly do: 'flush' }

const node = fc.nat(2)
const client = fc.nat(3)
const STEPS: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constantFrom('publish' as const, 'broadcast' as const), node }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom('say' as const, 'sayToOthers' as const, 'drop' as const),
      client,
    }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('join' as const), client }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('fault' as const),
      node,
      fault: fc.constantFrom<Fault>('lose', 'double', 'late', 'unavailable', 'unknown'),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('advance' as const),
      ms: fc.constantFrom(0, 50, 150, 1_100, 11_000),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom('cut' as const, 'heal' as const, 'evict' as const), node }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('failOver' as const), lost: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('flush' as const) }) },
)

/** A client of the model over all its connections. */
class Person {
  client: Client | undefined
  joins = 0
  /** Its connections that were joined, the latest first. */
  connections: string[] = []
  /** Its offset at its last join that was not recovered. */
  from = 0
  took: [offset: number, payload: unknown][] = []
  /** Something was lost for good since it last had a position. */
  isExcused = true
}

class World {
  readonly clock = fakeClock()
  readonly engine = new ModelLog()
  readonly people = Array.from({ length: 4 }, () => new Person())
  nodes: Node[] = []
  #said = 0
  /** The log lost something that somebody may have needed. */
  #isBroken = false

  async start(): Promise<void> {
    for (let n = 0; n < 3; n++)
      this.nodes.push(
        await Node.start(this.clock, {
          pubsub: this.engine.adapter(),
          channels: [room({ history: { size: SIZE } })],
        }),
      )
  }

  async play(step: Step): Promise<void> {
    switch (step.do) {
      case 'publish':
        this.nodes[step.node]?.endpoint.outbound.publish('room:1', 'said', ++this.#said, {}).catch(() => {})
        break
      case 'broadcast':
        this.nodes[step.node]?.endpoint.outbound.broadcast('room:1', 'said', ++this.#said)
        break
      case 'say':
      case 'sayToOthers':
        this.#person(step.client).client?.push(step.do, ++this.#said)
        break
      case 'join':
        this.#join(this.#person(step.client), step.client)
        break
      case 'drop':
        this.#drop(this.#person(step.client))
        break
      case 'fault':
        this.engine.ports[step.node]?.faults.push(step.fault)
        break
      case 'advance':
        await this.clock.advance(step.ms)
        break
      case 'evict':
        this.engine.evict(TOPIC)
        this.#isBroken = true
        break
      case 'failOver':
        this.engine.failOver(TOPIC, step.lost)
        this.#isBroken = true
        break
      case 'cut':
      case 'heal':
        this.engine.ports[step.node]?.cut(step.do === 'cut')
        break
      case 'flush':
        for (const port of this.engine.ports) port.flush()
        break
    }
    await this.clock.settle()
    for (const person of this.people) this.#look(person)
  }

  /** Everything works again; then everybody has everything. */
  async end(): Promise<void> {
    for (const port of this.engine.ports) {
      port.faults.splice(0)
      port.cut(false)
      port.flush()
    }
    await this.clock.advance(12_000)
    for (const person of this.people) this.#look(person)
    for (const [index, person] of this.people.entries())
      if (person.client === undefined) this.#join(person, index)
    await this.clock.advance(6_000)
    for (const person of this.people) this.#look(person)
    const { texts } = this.engine.topic(TOPIC)
    for (const person of this.people) {
      if (person.client?.epoch === undefined) continue
      const wanted = texts
        .map((text, index) => ({ offset: index + 1, ...readEntry(text) }))
        .filter(
          ({ offset, except }) =>
            offset > person.from && !person.connections.slice(0, 4).includes(except ?? ''),
        )
        .map(({ offset, payload }) => [offset, JSON.parse(payload?.text ?? 'null')])
      assert.deepEqual(person.took, wanted)
    }
    for (const { crashes } of this.nodes) assert.deepEqual(crashes, [])
  }

  #person(index: number): Person {
    return this.people[index] as Person
  }

  #join(person: Person, index: number): void {
    if (person.client !== undefined) return
    const last = this.#last.get(person)
    const client = (this.nodes[index % 3] as Node).connect()
    last?.moveTo(client)
    person.client = client
    person.joins++
    if (client.offset < this.engine.topic(TOPIC).base) person.isExcused = true
    client.join()
  }

  readonly #last = new Map<Person, Client>()

  #drop(person: Person): void {
    const { client } = person
    if (client === undefined) return
    this.#look(person)
    if (person.client === client) this.#leave(person, client)
  }

  #look(person: Person): void {
    const { client } = person
    if (client === undefined) return
    const before = client.took.length
    client.recovered = undefined
    client.look()
    if (client.recovered === false) {
      // It is told nothing of what it missed: its state comes with the reply.
      const isExcused = this.#isBroken || person.isExcused || person.joins === 1
      assert.ok(isExcused, 'it could have recovered')
      person.took = []
      person.from = client.began
      person.connections = [client.raw.session.id]
    }
    if (client.recovered === true) person.connections.unshift(client.raw.session.id)
    if (client.recovered !== undefined) person.isExcused = false
    person.took.push(...client.took.slice(before))
    const last = client.lines.at(-1)
    const hasEnded = client.lines.some(([, , , event]) => event === 'phx_error')
    const isRefused = last?.[3] === 'phx_reply' && (last[4] as { status: string }).status === 'error'
    if (!hasEnded && !isRefused) return
    assert.ok(isRefused || this.#isBroken || this.engine.topic(TOPIC).base > 0, 'nothing was lost')
    person.isExcused ||= hasEnded
    this.#leave(person, client)
  }

  #leave(person: Person, client: Client): void {
    this.#last.set(person, client)
    person.client = undefined
    client.raw.session.disconnected(1006)
  }
}

test('H3 H5 H6 H8 H9 every client has every entry once and in order, or is told that it has not', async (t) => {
  const seen = { resumes: 0, gaps: 0, schedules: 0 }
  const property = fc.asyncProperty(fc.array(STEPS, { minLength: 5, maxLength: 40 }), async (steps) => {
    const world = new World()
    await world.start()
    for (const step of steps) await world.play(step)
    await world.end()
    seen.schedules++
    for (const { events } of world.nodes) {
      seen.resumes += events.filter((event) => event.startsWith('recovered')).length
      seen.gaps += events.filter((event) => event.startsWith('gap')).length
    }
  })
  const { failed, seed, counterexample, errorInstance } = await fc.check(property, { numRuns: 150 * FACTOR })
  if (failed) throw new Error(`seed ${seed}: ${JSON.stringify(counterexample)}\n${errorInstance}`)
  t.diagnostic(
    `${seen.schedules} schedules, ${seen.resumes} resumes, ${seen.gaps} gaps; lost, doubled, out of order: 0`,
  )
})
