import assert from 'node:assert/strict'
import { refuseArgument } from '../ground/argument.ts'
import { systemClock } from '../ground/clock.ts'
import type { AdapterStatus, PubSubAdapter } from '../pubsub/adapter.ts'
import type { AppendOptions, LogPage, LogPosition, PubSubLog } from '../pubsub/log.ts'
import { Patience } from './patience.ts'

// The contract of `PubSubAdapter` as facts that any test runner can run over any adapter.

/** An engine under test, with nothing on it. */
export interface AdapterStage {
  /** Makes the adapter of one more node. */
  adapter(): PubSubAdapter
  /** Takes the engine out of reach of all nodes. */
  readonly cut?: (() => void | Promise<void>) | undefined
  /** The end of {@link AdapterStage.cut}. */
  readonly heal?: (() => void | Promise<void>) | undefined
  /** Anything that has to happen may take so long, in milliseconds. @default 15_000 */
  readonly timeoutMs?: number | undefined
}

export interface AdapterFact {
  /** In the present tense. */
  readonly title: string
  /** So many adapters take part. */
  readonly nodes: number
  /** Can only be seen where the stage can {@link AdapterStage.cut} and `heal`. */
  readonly needsOutage: boolean
  /** Can only be seen where the adapter has a `log`. */
  readonly needsLog: boolean
  /** Rejects where it is not so. Stops the adapters that it made. */
  run(stage: AdapterStage): Promise<void>
}

const TIMEOUT_MS = 15_000

/** One node: its adapter, and what came for it. */
class AdapterProbe {
  readonly adapter: PubSubAdapter
  readonly heard: [topic: string, text: string][] = []
  readonly statuses: AdapterStatus[] = []
  readonly entries: [topic: string, position: LogPosition, text: string][] = []
  readonly #patience: Patience
  #slowMs = 0

  constructor(adapter: PubSubAdapter, timeoutMs: number) {
    this.adapter = adapter
    this.#patience = new Patience(systemClock, timeoutMs)
  }

  async start(name: string): Promise<this> {
    this.adapter.log?.listen({
      entry: (...entry) => {
        this.entries.push(entry)
        this.#patience.wake()
      },
      hears: () => true,
      full: () => {},
    })
    await this.adapter.start(
      name,
      (topic, bytes) => {
        this.heard.push([topic, Buffer.from(bytes).toString('latin1')])
        spin(this.#slowMs)
        this.#patience.wake()
      },
      (status) => {
        this.statuses.push(status)
        this.#patience.wake()
      },
    )
    return this
  }

  publish(topic: string, text: string): void {
    this.adapter.publish(topic, Buffer.from(text, 'latin1'))
  }

  /** From now on it takes its time for each message. */
  slowDown(): void {
    this.#slowMs = 2
  }

  /** The messages of a topic. */
  on(topic: string): string[] {
    return this.heard.filter(([at]) => at === topic).map(([, text]) => text)
  }

  /** @param againMs looks again after so long, also where nothing came */
  async until(what: string, isSo: () => boolean, againMs?: number): Promise<void> {
    const failure = (): Error => new Error(`waited in vain until ${what}; came: ${this.#last()}`)
    const timer =
      againMs === undefined ? undefined : systemClock.setInterval(() => this.#patience.wake(), againMs)
    await this.#patience
      .until(
        () => isSo() || undefined,
        () => false,
        failure,
      )
      .finally(() => timer?.cancel())
  }

  #last(): string {
    const last = this.heard.slice(-20).map(([topic, text]) => [topic, text.slice(0, 60)])
    return `${this.heard.length} messages, at last ${JSON.stringify(last)}`
  }

  hears(topic: string, text: string): Promise<void> {
    return this.until(`"${text}" came on "${topic}"`, () => this.on(topic).includes(text))
  }
}

function spin(ms: number): void {
  const end = systemClock.now() + ms
  while (ms > 0 && systemClock.now() < end);
}

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

type Play = (probes: AdapterProbe[], stage: AdapterStage) => Promise<void>

function logFact(title: string, nodes: number, play: Play, needsOutage = false): AdapterFact {
  return { ...fact(title, nodes, play, needsOutage), needsLog: true }
}

function fact(title: string, nodes: number, play: Play, needsOutage = false): AdapterFact {
  return {
    title,
    nodes,
    needsOutage,
    needsLog: false,
    async run(stage) {
      checkStage(stage)
      const { timeoutMs = TIMEOUT_MS } = stage
      const probes = Array.from({ length: nodes }, () => new AdapterProbe(stage.adapter(), timeoutMs))
      try {
        for (const [index, probe] of probes.entries()) await probe.start(`node-${index}`)
        await play(probes, stage)
      } finally {
        await Promise.all(probes.map(({ adapter }) => adapter.stop()))
      }
    },
  }
}

function checkStage(stage: unknown): void {
  try {
    if (typeof (stage as AdapterStage).adapter === 'function') return
  } catch {
    // An object that cannot be read is no stage either.
  }
  refuseArgument('run', 'stage', 'a stage with a function `adapter`', stage)
}

const ODD_TOPICS = [
  ...[
    'a b',
    ' a',
    'a ',
    'a.b',
    '.',
    '..',
    'a..b',
    'a.*',
    '>',
    '*',
    '?',
    '[a]',
    '{a}',
    '$a',
    '%',
    '#',
    '+',
    'a/b',
    'a:b',
  ],
  ...[
    '"',
    "'",
    '\\',
    'a\\*',
    '^a',
    'Ärger',
    '日本',
    '🎈',
    'e\u0301',
    '\u202e',
    '\u0000',
    '\u0001',
    'a\n',
    '\r\n',
    '\t',
  ],
  ...['', '__proto__', 'constructor', 'x'.repeat(300)],
]
/** What an adapter that names no limit has to carry. */
const LONG_BYTES = 1_024 * 1_024 - 1_024
const MANY_TOPICS = 10_000
/** A message that may be lost is sent again so often. */
const RETRY_MS = 20
const EVERY_BYTE = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)).toString('latin1')

/**
 * The facts that an adapter has to keep.
 *
 * @example
 * for (const { title, needsOutage, run } of adapterFacts) {
 *   test(title, { skip: needsOutage }, () => run({ adapter: () => mine(options) }))
 * }
 */
export const adapterFacts: readonly AdapterFact[] = [
  fact('what a node publishes reaches every other node that subscribes to the topic', 3, async (probes) => {
    for (const { adapter } of probes) await adapter.subscribe('room')
    probes[0]?.publish('room', 'hello')
    for (const probe of probes.slice(1)) await probe.hears('room', 'hello')
  }),

  fact('nothing comes for topics that a node has not subscribed to', 2, async ([sender, receiver]) => {
    await receiver?.adapter.subscribe('wanted')
    for (const topic of ['unwanted', 'Wanted', 'wanted2', 'want', 'wanted ']) sender?.publish(topic, 'no')
    sender?.publish('wanted', 'yes')
    await receiver?.hears('wanted', 'yes')
    const wrong = receiver?.heard.filter(([topic, text]) => topic !== 'wanted' || text !== 'yes')
    assert.deepEqual(wrong, [])
  }),

  fact(
    'what is published after a subscription was confirmed is not missed',
    2,
    async ([sender, receiver]) => {
      for (let n = 0; n < 50; n++) {
        await receiver?.adapter.subscribe(`topic-${n}`)
        sender?.publish(`topic-${n}`, 'first')
      }
      for (let n = 0; n < 50; n++) await receiver?.hears(`topic-${n}`, 'first')
    },
  ),

  fact('what one node publishes on one topic comes in order', 2, async ([sender, receiver]) => {
    await receiver?.adapter.subscribe('room')
    const sent = Array.from({ length: 500 }, (_, n) => String(n))
    for (const text of sent) sender?.publish('room', text)
    await receiver?.hears('room', '499')
    assert.deepEqual([...new Set(receiver?.on('room'))], sent)
  }),

  fact('bytes come as they were, none, all 256 values, and 60,000 of them', 2, async ([sender, receiver]) => {
    await receiver?.adapter.subscribe('room')
    const texts = ['', EVERY_BYTE, 'x'.repeat(60_000), 'end']
    for (const text of texts) sender?.publish('room', text)
    await receiver?.hears('room', 'end')
    assert.deepEqual([...new Set(receiver?.on('room'))], texts)
  }),

  fact(
    'a message comes whole that is as long as the adapter says, or a kibibyte less than a mebibyte',
    2,
    async ([sender, receiver]) => {
      await receiver?.adapter.subscribe('room')
      const long = EVERY_BYTE.repeat(1 + LONG_BYTES / 256).slice(
        0,
        sender?.adapter.maxMessageBytes ?? LONG_BYTES,
      )
      for (const text of [long, 'end']) sender?.publish('room', text)
      await receiver?.until('the end came', () => receiver.on('room').includes('end'))
      assert.ok(receiver?.on('room')[0] === long)
    },
  ),

  fact('ten thousand topics are subscribed to at once, heard, and left', 2, async ([sender, receiver]) => {
    const topics = Array.from({ length: MANY_TOPICS }, (_, n) => `many:${n}`)
    await Promise.all(topics.map((topic) => receiver?.adapter.subscribe(topic)))
    for (const topic of topics) sender?.publish(topic, topic)
    await receiver?.until(
      'all came',
      () => new Set(receiver.heard.map(([topic]) => topic)).size === MANY_TOPICS,
    )
    assert.ok(receiver?.heard.every(([topic, text]) => topic === text))
    for (const topic of topics) receiver?.adapter.unsubscribe(topic)
    await receiver?.adapter.subscribe('after')
    sender?.publish('after', 'all of it')
    await receiver?.hears('after', 'all of it')
  }),

  fact(
    'a subscriber that is slower than the engine hears on when it has caught up, in order',
    2,
    async (probes) => {
      const [sender, receiver] = probes
      await receiver?.adapter.subscribe('room')
      receiver?.slowDown()
      const filling = 'x'.repeat(64 * 1_024)
      for (let n = 0; n < 400; n++) sender?.publish('room', `${String(n).padStart(4, '0')}${filling}`)
      // It may have been cut off meanwhile: what is sent then is lost.
      await receiver?.until(
        'it hears again',
        () => {
          sender?.publish('room', 'end')
          return receiver.on('room').includes('end')
        },
        RETRY_MS,
      )
      const heard = [...new Set(receiver?.on('room').map((text) => text.slice(0, 4)))]
      assert.deepEqual(heard, heard.toSorted())
    },
  ),

  fact('a topic is any text: no character has a meaning of its own', 2, async ([sender, receiver]) => {
    for (const topic of ODD_TOPICS) await receiver?.adapter.subscribe(topic)
    for (const topic of ODD_TOPICS) sender?.publish(topic, `to ${ODD_TOPICS.indexOf(topic)}`)
    for (const [index, topic] of ODD_TOPICS.entries()) {
      await receiver?.hears(topic, `to ${index}`)
      assert.deepEqual([...new Set(receiver?.on(topic))], [`to ${index}`])
    }
  }),

  fact('a topic that was left may be subscribed to again', 2, async ([sender, receiver]) => {
    for (const round of ['one', 'two', 'three']) {
      await receiver?.adapter.subscribe('room')
      sender?.publish('room', round)
      await receiver?.hears('room', round)
      receiver?.adapter.unsubscribe('room')
    }
  }),

  fact(
    'what was published before a stop is sent, and nothing comes after it',
    2,
    async ([sender, receiver]) => {
      await receiver?.adapter.subscribe('room')
      await sender?.adapter.subscribe('room')
      sender?.publish('room', 'last words')
      await sender?.adapter.stop()
      const count = sender?.heard.length
      await receiver?.hears('room', 'last words')
      receiver?.publish('room', 'too late')
      await receiver?.adapter.stop()
      assert.equal(sender?.heard.length, count)
    },
  ),

  fact('an adapter that has started is up, and the engine outlives a node that leaves', 3, async (probes) => {
    assert.deepEqual(
      probes.map(({ adapter }) => adapter.status),
      ['up', 'up', 'up'],
    )
    const [sender, leaver, receiver] = probes
    await leaver?.adapter.subscribe('room')
    await receiver?.adapter.subscribe('room')
    await leaver?.adapter.stop()
    sender?.publish('room', 'still here')
    await receiver?.hears('room', 'still here')
  }),

  fact(
    'an engine out of reach is reported, publishing throws nothing, and nothing stale comes after it',
    2,
    async (probes, stage) => {
      const [sender, receiver] = probes
      await receiver?.adapter.subscribe('room')
      await stage.cut?.()
      for (const probe of probes)
        await probe.until('the adapter is down', () => probe.adapter.status === 'down')
      sender?.publish('room', 'lost')
      const subscribing = receiver?.adapter.subscribe('later')
      await stage.heal?.()
      for (const probe of probes) await probe.until('the adapter is up', () => probe.adapter.status === 'up')
      await subscribing
      sender?.publish('room', 'heard')
      sender?.publish('later', 'heard too')
      await receiver?.hears('room', 'heard')
      await receiver?.hears('later', 'heard too')
      assert.deepEqual([...new Set(receiver?.on('room'))], ['heard'])
      for (const { statuses } of probes) assert.deepEqual(statuses.slice(-2), ['down', 'up'])
    },
    true,
  ),

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
