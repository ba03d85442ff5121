import assert from 'node:assert/strict'
import type { AppendOptions, LogPage, PubSubLog } from '../pubsub/log.ts'
import { type AdapterFact, type AdapterProbe, fact, type Play } from './adapter-probe.ts'

// The duties of an adapter's log.

const LIMITS: AppendOptions = { size: 5, ttlMs: 60_000, id: undefined }

/** Appends texts one after the other, and gives their offsets. */
async function append(probe: AdapterProbe | undefined, topic: string, ...texts: string[]): Promise<number[]> {
  const offsets: number[] = []
  for (const text of texts) offsets.push((await logOf(probe).append(topic, text, LIMITS)).offset)
  return offsets
}

async function read(probe: AdapterProbe | undefined, topic: string, after = 0): Promise<LogPage> {
  return logOf(probe).read(topic, after, LIMITS)
}

function logOf(probe: AdapterProbe | undefined): PubSubLog {
  assert.ok(probe?.adapter.log !== undefined, 'the adapter has no log')
  return probe.adapter.log
}
function logFact(title: string, nodes: number, play: Play, needsOutage = false): AdapterFact {
  return { ...fact(title, nodes, play, needsOutage), needsLog: true }
}

/** The facts of adapters that have a log. */
export const logFacts: readonly AdapterFact[] = [
  logFact(
    'an entry reaches every node that subscribes, the one that appends too, with its position',
    3,
    async (probes) => {
      for (const { adapter } of probes) await adapter.subscribe('room')
      const [first] = await append(probes[0], 'room', 'hello ü')
      assert.equal(first, 1)
      const { epoch } = await read(probes[0], 'room')
      for (const probe of probes) {
        await probe.until('the entry came', () => probe.entries.length > 0)
        assert.deepEqual(probe.entries[0], ['room', { epoch, offset: 1 }, 'hello ü'])
      }
    },
  ),

  logFact('offsets of a topic rise by one from 1, and all nodes read the same log', 2, async ([a, b]) => {
    assert.deepEqual(await append(a, 'room', 'one', 'two'), [1, 2])
    assert.deepEqual(await append(b, 'room', 'three'), [3])
    assert.deepEqual(await append(b, 'other', 'one'), [1])
    const { key, ...page } = await read(b, 'room')
    assert.ok(key.length > 15)
    const { epoch } = await read(a, 'room')
    assert.deepEqual(page, { epoch, offset: 3, previous: [], entries: ['one', 'two', 'three'] })
    assert.deepEqual((await read(a, 'room', 2)).entries, ['three'])
    assert.deepEqual((await read(a, 'room', 3)).entries, [])
    assert.deepEqual((await read(a, 'room', 1e15)).entries, [])
    assert.match(epoch, /^[\w-]{1,64}$/)
    assert.notEqual((await read(a, 'other')).epoch, epoch)
  }),

  logFact('a log keeps its last entries, exactly, and goes on counting', 1, async ([probe]) => {
    const texts = Array.from({ length: 12 }, (_, n) => `text ${n + 1}`)
    await append(probe, 'room', ...texts)
    const page = await read(probe, 'room')
    assert.equal(page.offset, 12)
    assert.deepEqual(page.entries, texts.slice(-5))
  }),

  logFact(
    'an id that is in the log appends nothing, reaches nobody, and gives its first position',
    2,
    async ([a, b]) => {
      await b?.adapter.subscribe('room')
      const once = { ...LIMITS, id: 'order-17' }
      const [first] = [await logOf(a).append('room', 'paid', once)]
      await append(a, 'room', 'second')
      assert.deepEqual(await logOf(b).append('room', 'paid again', once), first)
      await append(a, 'room', 'third', 'fourth', 'fifth')
      await b?.until('all have come', () => b.entries.some(([, { offset }]) => offset === 5))
      assert.deepEqual(
        [...new Set(b?.entries.map(([, , text]) => text))],
        ['paid', 'second', 'third', 'fourth', 'fifth'],
      )
      await append(a, 'room', 'sixth')
      assert.equal((await logOf(a).append('room', 'the id is gone', once)).offset, 7)
    },
  ),

  logFact('a topic that is forgotten begins a new epoch, and its ids are gone', 2, async ([a, b]) => {
    const once = { ...LIMITS, id: 'x' }
    const { epoch } = await logOf(a).append('room', 'old', once)
    await logOf(b).forget('room')
    const page = await read(a, 'room')
    assert.notEqual(page.epoch, epoch)
    assert.deepEqual([page.offset, page.previous, page.entries], [0, [], []])
    assert.deepEqual(await logOf(a).append('room', 'new', once), { epoch: page.epoch, offset: 1 })
  }),

  logFact('what one node appends keeps its order, though nobody waits', 2, async ([a, b]) => {
    await b?.adapter.subscribe('room')
    const sent = Array.from({ length: 200 }, (_, n) => String(n))
    await Promise.all(sent.map((text) => logOf(a).append('room', text, LIMITS)))
    await b?.until('the last came', () => b.entries.some(([, , text]) => text === '199'))
    assert.deepEqual([...new Set(b?.entries.map(([, , text]) => text))], sent)
  }),

  logFact(
    'while the engine is out of reach nothing is appended or read, and what fails says so',
    1,
    async ([probe], stage) => {
      await append(probe, 'room', 'before')
      await stage.cut?.()
      await probe?.until('the adapter is down', () => probe.adapter.status === 'down')
      await assert.rejects(async () => logOf(probe).append('room', 'lost', LIMITS), {
        code: 'BERYL_ERR_HISTORY_UNAVAILABLE',
      })
      await assert.rejects(async () => read(probe, 'room'))
      await stage.heal?.()
      await probe?.until('the adapter is up', () => probe.adapter.status === 'up')
      assert.deepEqual(await append(probe, 'room', 'after'), [2])
    },
    true,
  ),
]
