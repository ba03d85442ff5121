import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { LogEntries } from '../../src/pubsub/log-entries.ts'
import { MemoryLog } from '../../src/pubsub/memory-log.ts'
import { fakeClock } from '../../src/testing/fake-clock.ts'

// The log in memory by itself: what `adapterFacts` cannot see, because it is about time and room.

const LIMITS = { size: 3, ttlMs: 1_000, id: undefined }
const DAY = 24 * 3_600_000

interface Options {
  readonly maxBytes?: number
  readonly heard?: readonly string[]
}

function stage({ maxBytes = 1e9, heard = [] }: Options = {}) {
  const clock = fakeClock()
  const events: string[] = []
  const log = new MemoryLog({ clock, maxBytes })
  log.listen({
    entry: (topic, { offset }, text) => void events.push(`${topic} ${offset} ${text}`),
    hears: (topic) => heard.includes(topic),
    full: () => void events.push('full'),
  })
  const say = (topic: string, text: string): number => log.append(topic, text, LIMITS).offset
  const epoch = (topic: string): string => log.read(topic, 0, LIMITS).epoch
  return { clock, log, events, say, epoch }
}

test('H2 entries go all together, ttlMs after the last one; the epoch and the offset stay', async () => {
  const { clock, log, say, epoch } = stage()
  say('room', 'one')
  const before = epoch('room')
  await clock.advance(999)
  say('room', 'two')
  await clock.advance(999)
  assert.deepEqual(log.read('room', 0, LIMITS).entries, ['one', 'two'])
  await clock.advance(1)
  const { entries, offset } = log.read('room', 0, LIMITS)
  assert.deepEqual([entries, offset, epoch('room') === before], [[], 2, true])
  assert.equal(say('room', 'three'), 3)
})

test('H2 the epoch of a topic that was written stays for 24 h, of one that was only read for ttlMs', async () => {
  const { clock, say, epoch } = stage()
  say('written', 'x')
  const written = epoch('written')
  const read = epoch('read')
  await clock.advance(999)
  assert.equal(epoch('read'), read, 'and each read keeps it as long again')
  await clock.advance(1_000)
  assert.notEqual(epoch('read'), read)
  await clock.advance(DAY - 2_000)
  assert.equal(epoch('written'), written)
  await clock.advance(DAY)
  assert.notEqual(epoch('written'), written)
})

test('H10 an id lives as long as its entry, by size and by time', async () => {
  const { clock, log, say, events } = stage()
  const once = { ...LIMITS, id: 'order' }
  assert.equal(log.append('room', 'paid', once).offset, 1)
  assert.equal(log.append('room', 'paid', once).offset, 1)
  assert.deepEqual(events, ['room 1 paid'])
  await clock.advance(1_000)
  assert.equal(log.append('room', 'paid', once).offset, 2)
  for (const text of ['a', 'b', 'c']) say('room', text)
  assert.equal(log.append('room', 'paid', once).offset, 6)
})

test('H12 a full log forgets first the topics that nobody hears, oldest first', () => {
  const { log, say, epoch, events } = stage({ maxBytes: 4_200, heard: ['heard'] })
  const topics = ['heard', 'old', 'new']
  for (const topic of topics) say(topic, 'x'.repeat(600))
  const epochs = topics.map(epoch)
  say('newest', 'x'.repeat(600))
  assert.ok(log.bytes <= 4_200)
  assert.equal(events.filter((event) => event === 'full').length, 1)
  assert.deepEqual(
    topics.map((topic, index) => epoch(topic) === epochs[index]),
    [true, false, true],
  )
})

test('H12 where all topics are heard the longest are cut, and keep their epoch', () => {
  const { log, say, epoch } = stage({ maxBytes: 3_000, heard: ['long', 'short'] })
  say('short', 'x')
  const [long, short] = [epoch('long'), epoch('short')]
  for (let n = 0; n < 50; n++) say('long', 'x'.repeat(600))
  assert.ok(log.bytes <= 3_000)
  assert.deepEqual([epoch('long'), epoch('short')], [long, short])
  const { entries, offset } = log.read('long', 0, LIMITS)
  assert.deepEqual([entries.length > 0, entries.length < 3, offset], [true, true, 50])
  assert.deepEqual(log.read('short', 0, LIMITS).entries, ['x'])
})

test('H12 a million topics that were only read are bounded too', () => {
  const { log, epoch } = stage({ maxBytes: 100_000 })
  for (let n = 0; n < 10_000; n++) epoch(`room:${n}`)
  assert.ok(log.bytes <= 100_000, `${log.bytes}`)
})

test('entries are a window on all that was ever pushed', () => {
  const step = fc.oneof(fc.record({ push: fc.string({ maxLength: 5 }) }), fc.record({ keep: fc.nat(6) }))
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.nat(100), (steps, from) => {
      const entries = new LogEntries(from)
      let model: string[] = []
      let last = from
      for (const each of steps) {
        if ('push' in each) {
          entries.push(each.push)
          model.push(each.push)
          last++
        } else {
          entries.keep(each.keep)
          model = model.slice(Math.max(0, model.length - each.keep))
        }
        assert.deepEqual(
          [entries.last, entries.length, entries.base],
          [last, model.length, last - model.length],
        )
        for (let offset = Math.max(0, from - 1); offset <= last + 1; offset++) {
          assert.equal(entries.at(offset), model[offset - entries.base - 1])
          assert.deepEqual(entries.after(offset), model.slice(Math.max(0, offset - entries.base)))
        }
        if (model.length === 0) assert.equal(entries.bytes, 0)
      }
    }),
  )
})
