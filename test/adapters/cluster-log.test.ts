import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BrokerAdapter } from '../../src/adapters/broker-adapter.ts'
import { ClusterDriver } from '../../src/adapters/cluster-driver.ts'
import { CREDIT_BYTES, Relay } from '../../src/adapters/relay.ts'
import type { AppendOptions, LogPosition, PubSubLog } from '../../src/pubsub/log.ts'
import { type FakeClock, fakeClock } from '../../src/testing/index.ts'
import { TestPort } from './relay-ports.ts'

// The log of cluster(): in the memory of the primary, asked by workers over channels by hand.

const LIMITS: AppendOptions = { size: 5, ttlMs: 60_000, id: undefined }

interface Node {
  readonly adapter: BrokerAdapter
  readonly log: PubSubLog
  readonly port: TestPort
  readonly primary: TestPort
  readonly entries: [topic: string, position: LogPosition, text: string][]
  full: number
}

async function join(relay: Relay, clock: FakeClock, name: string): Promise<Node> {
  const [port, primary] = TestPort.pair()
  relay.attach(primary)
  const options = { prefix: 'p:', connectTimeoutMs: 5_000, startDegraded: false }
  const adapter = new BrokerAdapter(new ClusterDriver(port, 'p:', clock), options, clock, () => 0.5)
  const { log } = adapter
  assert.ok(log !== undefined)
  const node: Node = { adapter, log, port, primary, entries: [], full: 0 }
  log.listen({
    entry: (...entry) => void node.entries.push(entry),
    hears: () => true,
    full: () => {
      node.full++
    },
  })
  const starting = adapter.start(
    name,
    () => {},
    () => {},
  )
  await clock.settle()
  await starting
  return node
}

async function stage(count: number, historyBytes?: number) {
  const clock = fakeClock()
  const relay = new Relay(clock, historyBytes)
  const nodes: Node[] = []
  for (let n = 0; n < count; n++) nodes.push(await join(relay, clock, `node-${n}`))
  /** Waits for what the nodes and the primary say to each other. */
  const settled = async <T>(work: T | Promise<T>): Promise<T> => {
    await clock.settle()
    return work
  }
  return { clock, relay, nodes: nodes as [Node, Node, Node], settled }
}

test('H2 X35 a worker that ends takes no log with it, and a primary that begins anew has another epoch', async () => {
  const { clock, relay, nodes, settled } = await stage(2)
  const [one, two] = nodes
  const { epoch } = await settled(one.log.append('a', 'first', { ...LIMITS, id: 'x' }))
  one.primary.end()
  const next = await join(relay, clock, 'node-2')
  for (const { log } of [two, next]) {
    const page = await settled(log.read('a', 0, LIMITS))
    assert.deepEqual([page.epoch, page.offset, page.entries], [epoch, 1, ['first']])
  }
  assert.deepEqual(await settled(next.log.append('a', 'again', { ...LIMITS, id: 'x' })), { epoch, offset: 1 })
  const other = await join(new Relay(clock), clock, 'node-3')
  const page = await settled(other.log.read('a', 0, LIMITS))
  assert.notEqual(page.epoch, epoch)
  assert.deepEqual([page.offset, page.previous, page.entries], [0, [], []])
})

test('H2 entries age in the primary: by size, by ttlMs, and the rest after a day', async () => {
  const { clock, relay, nodes, settled } = await stage(1)
  const [{ adapter, log }] = nodes
  const { epoch } = await settled(log.append('a', 'first', LIMITS))
  await clock.advance(LIMITS.ttlMs)
  const page = await settled(log.read('a', 0, LIMITS))
  assert.deepEqual([page.epoch, page.offset, page.entries], [epoch, 1, []])
  // Without a node no clock ticks.
  await settled(adapter.stop())
  await clock.advance(24 * 3_600_000)
  const next = await join(relay, clock, 'node-1')
  assert.notEqual((await settled(next.log.read('a', 0, LIMITS))).epoch, epoch)
})

test('H12 the logs of all topics in the primary have historyBytes: topics that no worker hears go first, and who wrote is told', async () => {
  const { nodes, settled } = await stage(2, 20_000)
  const [one, two] = nodes
  await settled(two.adapter.subscribe('heard'))
  const { epoch } = await settled(one.log.append('heard', 'first', LIMITS))
  const unheard = await settled(one.log.append('unheard', 'first', LIMITS))
  for (let n = 0; n < 40; n++) await settled(one.log.append(`filling:${n}`, 'x'.repeat(500), LIMITS))
  assert.equal((await settled(one.log.read('heard', 0, LIMITS))).epoch, epoch)
  assert.notEqual((await settled(one.log.read('unheard', 0, LIMITS))).epoch, unheard.epoch)
  assert.ok(one.full > 0)
  assert.equal(two.full, 0)
})

test('H10 an answer that a lost link takes along is BERYL_ERR_HISTORY_UNKNOWN, and the same id gives the first position', async () => {
  const { clock, nodes, settled } = await stage(2)
  const [one, two] = nodes
  const { epoch } = await settled(two.log.append('a', 'first', LIMITS))
  one.port.isStopped = true
  const lost = one.log.append('a', 'second', { ...LIMITS, id: 'x' })
  const outcome = assert.rejects(async () => lost, { code: 'BERYL_ERR_HISTORY_UNKNOWN' })
  await clock.settle()
  assert.equal((await settled(two.log.read('a', 0, LIMITS))).offset, 2)
  // Nothing comes, which a probe finds: the link is given up.
  await clock.advance(16_000)
  await outcome
  one.port.goOn()
  await clock.advance(5_000)
  assert.equal(one.adapter.status, 'up')
  assert.deepEqual(await settled(one.log.append('a', 'second', { ...LIMITS, id: 'x' })), { epoch, offset: 2 })
  assert.deepEqual((await settled(one.log.read('a', 0, LIMITS))).entries, ['first', 'second'])
})

test('H8 X17 X35 a worker that does not read loses entries above its credit, and its log has them; pages wait for room', async () => {
  const { clock, nodes, settled } = await stage(2)
  const [one, two] = nodes
  const wide = { ...LIMITS, size: 100 }
  await settled(two.adapter.subscribe('a'))
  two.port.isStopped = true
  const text = 'x'.repeat(1_000_000)
  for (let n = 1; n <= 30; n++) await settled(one.log.append('a', `${n} ${text}`, wide))
  const pages = [1, 2, 3].map((after) => two.log.read('a', after, wide))
  await clock.settle()
  const isPage = (message: object): boolean =>
    'answers' in message &&
    Array.isArray(message.answers) &&
    message.answers.some(({ page }) => page !== undefined)
  assert.ok(!two.primary.sent.some(isPage), 'no page is sent to who does not read')
  assert.equal(two.entries.length, 0)
  two.port.goOn()
  await clock.settle()
  const came = two.entries.length
  assert.ok(came > 0 && came <= CREDIT_BYTES / 1_000_000, `${came}`)
  assert.equal(two.adapter.counts.dropped, 30 - came)
  for (const [index, page] of pages.entries()) {
    const { entries, offset } = await settled(page)
    assert.deepEqual([entries.length, offset], [29 - index, 30])
  }
})

test('H11 what is asked of a log that never comes to an answer ends with the link, and leaves nothing pending', async () => {
  const { clock, nodes } = await stage(1)
  const [one] = nodes
  one.primary.isStopped = true
  const asked = [one.log.append('a', 'first', LIMITS), one.log.read('b', 0, LIMITS), one.log.forget('c')]
  const outcomes = Promise.allSettled(asked)
  const stopping = one.adapter.stop()
  await clock.advance(3_000)
  await stopping
  assert.deepEqual(
    (await outcomes).map(({ status }) => status),
    ['rejected', 'rejected', 'rejected'],
  )
})

test('X11 questions about logs that are none are passed by, and the primary goes on', async () => {
  const { clock, nodes, settled } = await stage(1)
  const [one] = nodes
  const { link } = one.port.sent[0] as { link: number }
  const head = { beryl: 1, from: 'node-0', link }
  const append = { number: 1, call: 'append', topic: 'p:a', entries: [{ text: 'x' }], limits: LIMITS }
  for (const ask of [
    7,
    null,
    { ...append, call: 'drop' },
    { ...append, topic: 7 },
    { ...append, number: 'one' },
    { ...append, entries: 'x' },
    { ...append, entries: [{ text: 7 }] },
    { ...append, entries: [{ text: 'x', id: 7 }] },
    { ...append, limits: undefined },
    { ...append, limits: { size: -1, ttlMs: 1 } },
    { ...append, limits: { size: 0.5, ttlMs: 1 } },
    { ...append, limits: { size: 5, ttlMs: Number.NaN } },
    { ...append, call: 'read', after: 'x' },
    { ...append, call: 'read', after: Number.NaN },
  ]) {
    one.primary.take({ ...head, asks: [ask] })
    one.port.take({ beryl: 1, to: 'node-0', link, answers: [ask] })
  }
  await clock.settle()
  const { offset, entries } = await settled(one.log.read('a', 0, LIMITS))
  assert.deepEqual([offset, entries], [0, []])
})
