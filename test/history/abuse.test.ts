import assert from 'node:assert/strict'
import { suite, type TestContext, test } from 'node:test'
import { type AbuseStage, ENGINES } from './abuse-stage.ts'
import type { Client, Node } from './lab.ts'

// Abuse of a history, and its price: each has a bound, over a log in memory and over a real Redis.

const UNLIMITED = { limits: { joins: false, messages: false } } as const
const FAR_AHEAD = Number.MAX_SAFE_INTEGER
/** Two reads of one topic are so far apart. */
const READ_MS = 100

const say = (node: Node, payload: unknown): void =>
  node.endpoint.outbound.broadcast('room:1', 'said', payload)

/** A client that has joined, and knows its position. */
async function member(stage: AbuseStage, node: Node): Promise<Client> {
  const client = node.connect()
  client.join()
  await stage.until('it has joined', () => client.look().epoch !== undefined)
  return client
}

/** Says so many, and waits for the last. */
async function history(stage: AbuseStage, node: Node, count: number): Promise<Client> {
  const client = await member(stage, node)
  for (let n = 0; n < count; n++) say(node, n)
  await stage.until('all came', () => client.look().took.length === count)
  return client
}

for (const { name, start, needs } of ENGINES) {
  suite(`abuse of a history over ${name}`, needs, () => {
    async function stage(t: TestContext): Promise<AbuseStage> {
      const made = await start()
      t.after(() => made.end())
      return made
    }

    test('H5 clients that are ahead again and again make the node read once in 100 ms, however many they are', async (t) => {
      const on = await stage(t)
      const node = await on.node({}, UNLIMITED)
      const { epoch } = await member(on, node)
      const [before, startedAt] = [node.reads(), on.now()]
      const clients = Array.from({ length: 50 }, () => node.connect())
      for (let round = 0; round < 10; round++) {
        for (const client of clients) {
          client.recovered = undefined
          client.join({ epoch, offset: FAR_AHEAD - round })
        }
        await on.until('all are answered', () =>
          clients.every((client) => client.look().recovered !== undefined),
        )
      }
      const most = Math.ceil((on.now() - startedAt) / READ_MS) + 1
      assert.ok(node.reads() - before <= most, `${node.reads() - before} reads, at most ${most}`)
      for (const { recovered } of clients) assert.equal(recovered, false)
    })

    test('one client that asks to resume again and again is told to wait by limits.joins, and reads no more', async (t) => {
      const on = await stage(t)
      const node = await on.node({}, { limits: { joins: { perSecond: 1, burst: 20 }, messages: false } })
      const client = await history(on, node, 3)
      const before = node.reads()
      const answers = (): string[] =>
        client.lines
          .filter(([, , , event]) => event === 'phx_reply')
          .map(([, , , , answer]) => JSON.stringify(answer))
      const earlier = answers().length
      const startedAt = on.now()
      for (let n = 0; n < 200; n++) client.join({ epoch: client.epoch, offset: FAR_AHEAD - n })
      await on.until('all are answered', () => answers().length >= earlier + 200)
      const refused = answers().filter((answer) => answer.includes('"rate_limited"')).length
      assert.ok(refused >= 200 - 20 - Math.ceil((on.now() - startedAt) / 1_000), `${refused} refused`)
      assert.ok(node.reads() - before <= 20, `${node.reads() - before} reads`)
    })

    test('H4 made-up positions are refused at /$resume: nothing is joined, nothing is read, and the client stays', async (t) => {
      const on = await stage(t)
      const node = await on.node({}, UNLIMITED)
      const { epoch } = await history(on, node, 3)
      const before = node.reads()
      const client = node.connect()
      const wrong: unknown[] = [
        ...[-1, -0.5, 0.5, 2 ** 53, 1e300, '3', null, {}, [3], true].map((offset) => ({ epoch, offset })),
        ...[7, null, {}, ['x'], true, 'x'.repeat(513), 'ü'.repeat(300)].map((text) => ({
          epoch: text,
          offset: 1,
        })),
        ...[false, null, 7, 'x', [], {}, { epoch }, { offset: 1 }, { epoch, offset: 1, more: 1 }],
      ]
      for (const resume of wrong) client.join(resume)
      await on.until('all are answered', () => client.lines.length === wrong.length)
      for (const [index, [, , , event, payload]] of client.lines.entries()) {
        const said = JSON.stringify(payload)
        assert.equal(event, 'phx_reply')
        assert.match(said, /"invalid_payload","errors":\[{"path":"\/\$resume"/, JSON.stringify(wrong[index]))
      }
      assert.equal(node.reads(), before)
      client.join()
      await on.until('it joins', () => client.look().epoch !== undefined)
    })

    test('H13 made-up epochs are not recovered and cost no read; a position far ahead costs one', async (t) => {
      const on = await stage(t)
      const node = await on.node({}, UNLIMITED)
      await history(on, node, 3)
      const { epoch = '' } = await member(on, node)
      const before = node.reads()
      const [raw = '', floor, connections, mac] = epoch.split('~')
      const forged = [
        '',
        '~',
        '~~~',
        'x'.repeat(512),
        '\u0000',
        raw,
        `${raw}~0~${connections}~${mac}`,
        `${raw}~${floor}~~${mac}`,
      ]
      const clients = forged.map((made) => {
        const client = node.connect()
        client.join({ epoch: made, offset: 3 })
        return client
      })
      await on.until('all are answered', () =>
        clients.every((client) => client.look().recovered !== undefined),
      )
      assert.deepEqual(
        [...new Set(clients.map(({ recovered, took }) => `${recovered} ${took.length}`))],
        ['false 0'],
      )
      assert.equal(node.reads(), before)
      const ahead = node.connect()
      ahead.join({ epoch, offset: FAR_AHEAD })
      await on.until('it is answered', () => ahead.look().recovered !== undefined)
      assert.deepEqual([ahead.recovered, node.reads() - before], [false, 1])
    })

    test('H12, H14 ten thousand clients that come back at once after a restart cost two reads', async (t) => {
      const on = await stage(t)
      const before = await history(on, await on.node({}, UNLIMITED), 5)
      const { epoch } = before
      const node = await on.node({}, UNLIMITED)
      const clients = Array.from({ length: 10_000 }, () => node.connect())
      for (const client of clients) client.join({ epoch, offset: 0 })
      await on.until('all are back', () => clients.every((client) => client.look().took.length === 5))
      assert.ok(node.reads() <= 2, `${node.reads()} reads`)
      for (const { recovered } of clients) assert.equal(recovered, true)
    })

    test('H12 a topic that is written ten thousand times keeps its size, in the log and on the node, and a member hears all', async (t) => {
      const on = await stage(t)
      const node = await on.node({ history: { size: 100 } }, UNLIMITED)
      const client = await member(on, node)
      const waiting = (): number => node.endpoint.history?.waiting ?? 0
      for (let n = 0; n < 10_000; n++) {
        say(node, n)
        if (waiting() > 900) await on.until('the log has taken some', () => waiting() < 300)
      }
      await on.until('all came', () => client.look().took.length === 10_000)
      assert.deepEqual(
        client.took.map(([offset]) => offset),
        client.took.map((_, index) => index + 1),
      )
      const { entries, offset } = await look(on, node)
      assert.deepEqual([entries.length, offset], [100, 10_000])
      const late = node.connect()
      late.join({ epoch: client.epoch, offset: 9_000 })
      await on.until('it is answered', () => late.look().recovered !== undefined)
      assert.deepEqual([late.recovered, late.took.length], [false, 0])
    })

    test('H11 ten thousand that are written in one turn to a log that is in reach are all logged, in order', async (t) => {
      const on = await stage(t)
      const node = await on.node({}, UNLIMITED)
      const client = await member(on, node)
      for (let n = 0; n < 10_000; n++) say(node, n)
      assert.equal(node.endpoint.history?.waiting, 10_000)
      await on.until('those came', () => client.look().took.length === 10_000)
      assert.deepEqual([node.events.includes('dropped'), node.endpoint.history?.waiting], [false, 0])
      assert.deepEqual(
        client.took.map(([offset, payload]) => [offset, payload]),
        client.took.map((_, index) => [index + 1, index]),
      )
    })

    test('H11 of what is written in one turn no more than 32 MiB is on its way; the rest is dropped and counted', async (t) => {
      const on = await stage(t)
      const node = await on.node({}, UNLIMITED)
      const client = await member(on, node)
      const long = 'x'.repeat(100_000)
      for (let n = 0; n < 400; n++) say(node, long)
      const waiting = node.endpoint.history?.waiting ?? 0
      assert.ok(waiting > 300 && waiting < 340, `${waiting} wait`)
      await on.until('those came', () => client.look().took.length === waiting)
      const dropped = node.events.filter((event) => event === 'dropped').length
      assert.deepEqual([dropped, node.endpoint.history?.waiting], [400 - waiting, 0])
    })

    test('H6 a payload at the limit of a message is logged and sent again whole; a longer one is refused where it is said', async (t) => {
      const on = await stage(t)
      const node = await on.node({}, UNLIMITED)
      const before = await member(on, node)
      before.raw.session.disconnected(1006)
      const limit = node.endpoint.options.pubsub.maxMessageBytes ?? 1_048_576
      const longest = 'ü'.repeat((limit - 100) / 2)
      say(node, longest)
      const after = before.moveTo(node.connect())
      after.join()
      await on.until('it came', () => after.look().took.length === 1)
      assert.ok(after.took[0]?.[1] === longest)
      if (node.endpoint.options.pubsub.maxMessageBytes === undefined) return
      assert.throws(() => say(node, 'ü'.repeat(limit / 2)), { code: 'BERYL_ERR_MESSAGE_TOO_LONG' })
      await assert.rejects(node.endpoint.outbound.publish('room:1', 'said', 'x'.repeat(limit), {}), {
        code: 'BERYL_ERR_MESSAGE_TOO_LONG',
      })
      assert.equal((await look(on, node)).offset, 1)
    })

    test('H2 a ttl that passes between the join and the read tells the client that it has not all', async (t) => {
      const on = await stage(t)
      const node = await on.node({ history: { ttlMs: 1_000 } }, UNLIMITED)
      const { epoch } = await history(on, node, 2)
      // Nobody hears the topic: the next who comes makes the node read.
      node.endpoint.history?.unheard('room:1')
      const inTime = node.connect()
      inTime.join({ epoch, offset: 1 })
      await on.until('it is answered', () => inTime.look().recovered !== undefined)
      assert.equal(inTime.recovered, true)
      await on.pass(1_100)
      for (const isForgotten of [false, true]) {
        if (isForgotten) node.endpoint.history?.unheard('room:1')
        const late = node.connect()
        late.join({ epoch, offset: 1 })
        await on.until('it is answered', () => late.look().recovered !== undefined)
        assert.deepEqual([late.recovered, late.took.length], [false, 0])
      }
      const whole = node.connect()
      whole.join({ epoch, offset: 2 })
      await on.until('it is answered', () => whole.look().recovered !== undefined)
      assert.equal(whole.recovered, true)
    })
  })
}

/** The log, as the application sees it. */
async function look(on: AbuseStage, node: Node) {
  const reading = node.endpoint.outbound.history('room:1', {})
  let isRead = false
  void reading.then(() => {
    isRead = true
  })
  await on.until('it is read', () => isRead)
  return reading
}
