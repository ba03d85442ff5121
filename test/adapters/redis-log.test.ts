import assert from 'node:assert/strict'
import { suite, type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { redis } from 'fastify-beryl/redis'
import { PlainChannels } from '../../src/adapters/redis-channels.ts'
import { RedisLog } from '../../src/adapters/redis-log.ts'
import type { AppendOptions, PubSubLog } from '../../src/pubsub/log.ts'
import { freePort } from '../support/broker.ts'
import { need } from '../support/need.ts'
import { RedisServer } from '../support/redis.ts'

// The log, when Redis lost a part of it, goes on with an older state, or says no.

const LIMITS: AppendOptions = { size: 5, ttlMs: 60_000, id: undefined }
const DAY_MS = 24 * 3_600_000
/** A day is written for so long, so that not every use has to write it. */
const KEPT_MS = (DAY_MS / 16) * 17

interface Stage {
  readonly server: RedisServer
  readonly log: PubSubLog
}

async function stage(
  t: TestContext,
  config: string[] = [],
  user = '',
  prepare = async (_server: RedisServer): Promise<void> => {},
): Promise<Stage> {
  const server = await RedisServer.start(...config)
  t.after(() => server.end())
  await prepare(server)
  const adapter = redis({ url: server.url.replace('//', `//${user}`) })
  await adapter.start(
    'node',
    () => {},
    () => {},
  )
  t.after(() => adapter.stop())
  assert.ok(adapter.log !== undefined)
  adapter.log.listen({ entry() {}, hears: () => true, full() {} })
  return { server, log: adapter.log }
}

async function append(log: PubSubLog, ...texts: string[]): Promise<void> {
  for (const text of texts) await log.append('room', text, LIMITS)
}

/** The name of a key, as the redis.conf and the command line have it. */
const key = (name: string): string => `beryl:{log:room}:${name}`

/** By hand, or by a program with the same prefix. */
const FORGED: readonly [what: string, ...commands: string[]][] = [
  ['an entry with an id of its own', `XADD ${key('stream')} * foo bar`],
  ['the next entry', `XADD ${key('stream')} 4-0 id x text forged`],
  ['another stream', `DEL ${key('stream')}`, `XADD ${key('stream')} 18446744073709551615-0 foo bar`],
  ['a text in the place of the stream', `SET ${key('stream')} foo`],
  ['an older offset', `HSET ${key('meta')} offset 1`],
  ['an offset that is no number', `HSET ${key('meta')} offset foo`],
  ['an offset below 0', `HSET ${key('meta')} offset -7`],
  ['an offset above all', `HSET ${key('meta')} offset 99999999999999999999`],
  ['an epoch that is no word', `HSET ${key('meta')} epoch a=b`],
  ['no offset', `HDEL ${key('meta')} offset`],
  ['no key', `HDEL ${key('meta')} key`],
  ['no former epochs', `HDEL ${key('meta')} former`, `HSET ${key('meta')} replid another`],
]

async function number(server: RedisServer, command: string): Promise<number> {
  const [, value] = /^:(-?\d+)/.exec(await server.command(command)) ?? []
  return Number(value)
}

const isWithin = (ms: number, least: number, most = least): boolean => ms > least - 30_000 && ms <= most

/** The server is taken for another one, as after a failover. */
const failOver = (server: RedisServer): Promise<string> =>
  server.command(`HSET ${key('meta')} replid another`)

/** Makes one server the replica of another, until it has all that this has. */
async function follow(replica: RedisServer, master: RedisServer): Promise<void> {
  await replica.command(`REPLICAOF 127.0.0.1 ${master.port}`)
  while (!/master_link_status:up/.test(await replica.command('INFO replication'))) await delay(20)
}

async function pings(server: RedisServer): Promise<number> {
  const [, calls] = /cmdstat_ping:calls=(\d+)/.exec(await server.command('INFO commandstats')) ?? []
  return Number(calls ?? 0)
}

test('a server without a replication id is known by its run_id, from when the connection was made', async () => {
  const asked: (readonly string[])[] = []
  const ask = async (args: readonly string[]): Promise<unknown> => {
    asked.push(args)
    return args[0] === 'INFO' ? '# Server\r\nrun_id:abc\r\n# Replication\r\nrole:master\r\n' : ['epoch', '1']
  }
  const log = new RedisLog(ask, new PlainChannels('beryl:'))
  await log.open()
  assert.deepEqual(await log.append('room', [{ text: 'one', id: undefined }], LIMITS), [
    { epoch: 'epoch', offset: 1 },
  ])
  const script = asked.find(([command]) => command === 'EVALSHA')
  assert.equal(script?.[6], 'abc')
})

suite('the log in Redis', need('redis-server'), () => {
  test('H2 where the meta alone is evicted the rest goes too, and the epoch changes', async (t) => {
    const { server, log } = await stage(t)
    await log.append('room', 'old', { ...LIMITS, id: 'x' })
    const { epoch } = await log.read('room', 0, LIMITS)
    await server.command(`DEL ${key('meta')}`)
    const position = await log.append('room', 'new', { ...LIMITS, id: 'x' })
    assert.notEqual(position.epoch, epoch)
    assert.equal(position.offset, 1)
    assert.deepEqual((await log.read('room', 0, LIMITS)).entries, ['new'])
  })

  test('H2 where the entries alone are evicted the log goes on, and gives none of them', async (t) => {
    const { server, log } = await stage(t)
    await append(log, 'one', 'two')
    const { epoch } = await log.read('room', 0, LIMITS)
    await server.command(`DEL ${key('stream')}`)
    const { key: _, ...page } = await log.read('room', 0, LIMITS)
    assert.deepEqual(page, { epoch, offset: 2, previous: [], entries: [] })
    await append(log, 'three')
    assert.deepEqual((await log.read('room', 0, LIMITS)).entries, ['three'])
  })

  test('H2 an entry that somebody cut out leaves no hole: then none is given', async (t) => {
    const { server, log } = await stage(t)
    await append(log, 'one', 'two', 'three')
    await server.command(`XDEL ${key('stream')} 2-0`)
    const page = await log.read('room', 0, LIMITS)
    assert.deepEqual([page.offset, page.entries], [3, []])
    assert.deepEqual((await log.read('room', 2, LIMITS)).entries, ['three'])
  })

  for (const [what, ...commands] of FORGED)
    test(`H2 a log into which somebody else has written ${what} begins anew, and takes entries again`, async (t) => {
      const { server, log } = await stage(t)
      await append(log, 'one', 'two', 'three')
      const { epoch } = await log.read('room', 0, LIMITS)
      for (const command of commands) assert.match(await server.command(command), /^[^-]/)
      // A publisher tries again what was surely not taken.
      const again = async (error: { code?: string }): Promise<void> => {
        assert.equal(error.code, 'BERYL_ERR_HISTORY_UNAVAILABLE')
        await delay()
        await append(log, 'new')
      }
      await append(log, 'new').catch(again)
      await append(log, 'newer')
      const page = await log.read('room', 0, LIMITS)
      assert.notEqual(page.epoch, epoch)
      assert.deepEqual([page.offset, page.previous, page.entries], [2, [], ['new', 'newer']])
      assert.match(page.key, /^[\w-]{24}$/)
    })

  test('H8 an entry of somebody else among others is one that nobody can read, and moves none of them', async (t) => {
    const { server, log } = await stage(t)
    await append(log, 'one', 'two', 'three')
    const stream = key('stream')
    for (const entry of ['1-0 id a text one', '2-0 foo bar', '3-0 id c text three'])
      await server.command(`${entry.startsWith('1') ? `DEL ${stream}\r\n` : ''}XADD ${stream} ${entry}`)
    assert.deepEqual((await log.read('room', 0, LIMITS)).entries, ['one', '', 'three'])
  })

  test('H10 where the ids alone are evicted the entries still have them', async (t) => {
    const { server, log } = await stage(t)
    const first = await log.append('room', 'paid', { ...LIMITS, id: 'order-17' })
    await append(log, 'two')
    await server.command(`DEL ${key('ids')}`)
    assert.deepEqual(await log.append('room', 'paid again', { ...LIMITS, id: 'order-17' }), first)
  })

  test('H10 an id that is said to be new is found as well, before and behind its own repetition, as long as its entry is there', async (t) => {
    const { server, log } = await stage(t)
    const fresh = (text: string) => log.append('room', text, { ...LIMITS, id: text, isNew: true })
    const again = (text: string) => log.append('room', text, { ...LIMITS, id: text })
    const hasIds = async (): Promise<boolean> => (await number(server, `EXISTS ${key('ids')}`)) === 1
    const first = await fresh('a')
    assert.equal(await hasIds(), false)
    assert.deepEqual(await again('a'), first)
    assert.equal(await hasIds(), true)
    // The repetitions come first, two of them in one batch, and what they repeat comes over a connection that was given up.
    const places = await Promise.all(['b', 'c', 'd'].map(again))
    assert.deepEqual(
      places.map(({ offset }) => offset),
      [2, 3, 4],
    )
    for (const text of ['e', 'f', 'g', 'h']) await fresh(text)
    assert.equal((await fresh('d')).offset, 4)
    for (const text of ['i', 'j']) await fresh(text)
    assert.equal(await hasIds(), false)
    assert.deepEqual((await log.read('room', 0, LIMITS)).entries, ['f', 'g', 'h', 'i', 'j'])
    assert.equal((await again('f')).offset, 6)
  })

  test('a publisher has an answer to come before what it appends: one for all of a turn', async (t) => {
    const { server, log } = await stage(t)
    const before = await pings(server)
    await Promise.all(Array.from({ length: 16 }, (_, n) => log.append(`room:${n}`, 'text', LIMITS)))
    assert.equal((await pings(server)) - before, 1)
  })

  test('H2 on another server the epoch changes, offsets go on, and the last four epochs are kept with their last offsets', async (t) => {
    const { server, log } = await stage(t)
    const epochs: string[] = []
    for (let n = 1; n <= 6; n++) {
      await append(log, `text ${n}`)
      epochs.unshift((await log.read('room', 0, LIMITS)).epoch)
      await failOver(server)
    }
    const page = await log.read('room', 0, LIMITS)
    assert.equal(new Set([page.epoch, ...epochs]).size, 7)
    assert.equal(page.offset, 6)
    assert.deepEqual(
      page.previous,
      epochs.slice(0, 4).map((epoch, index) => ({ epoch, offset: 6 - index })),
    )
    assert.equal((await log.read('room', 0, LIMITS)).epoch, page.epoch)
    assert.deepEqual(page.entries, ['text 2', 'text 3', 'text 4', 'text 5', 'text 6'])
  })

  test('H2 entries and ids expire after ttlMs, the rest after a day, and reading refreshes that; what was never written goes after ttlMs', async (t) => {
    const { server, log } = await stage(t)
    await log.read('room', 0, LIMITS)
    const ttl = (name: string): Promise<number> => number(server, `PTTL ${key(name)}`)
    assert.ok(isWithin(await ttl('meta'), LIMITS.ttlMs))
    await log.append('room', 'one', { ...LIMITS, id: 'x' })
    assert.ok(isWithin(await ttl('stream'), LIMITS.ttlMs))
    assert.ok(isWithin(await ttl('ids'), LIMITS.ttlMs))
    assert.ok(isWithin(await ttl('meta'), DAY_MS, KEPT_MS))
    await server.command(`PEXPIRE ${key('meta')} 40000`)
    await log.read('room', 0, LIMITS)
    assert.ok(isWithin(await ttl('meta'), DAY_MS, KEPT_MS))
  })

  test('H10 the ids are as many as the entries, and after a topic is forgotten nothing is left', async (t) => {
    const { server, log } = await stage(t)
    for (let n = 0; n < 20; n++) await log.append('room', 'text', { ...LIMITS, id: `id-${n}` })
    assert.equal(await number(server, `HLEN ${key('ids')}`), 5)
    assert.equal(await number(server, `XLEN ${key('stream')}`), 5)
    await log.forget('room')
    assert.equal(await number(server, 'DBSIZE'), 0)
  })

  test('scripts that the server forgot are sent again, and entries keep their order', async (t) => {
    const { server, log } = await stage(t)
    await append(log, 'one')
    await server.command('SCRIPT FLUSH')
    await Promise.all(['two', 'three', 'four'].map((text) => log.append('room', text, LIMITS)))
    assert.deepEqual((await log.read('room', 0, LIMITS)).entries, ['one', 'two', 'three', 'four'])
  })

  test('the keys of any topic fit into one slot of a Redis Cluster', async (t) => {
    const { server, log } = await stage(
      t,
      ['cluster-enabled yes', `cluster-port ${await freePort()}`],
      '',
      async (server) => {
        await server.command('CLUSTER ADDSLOTSRANGE 0 16383')
        while (!/cluster_state:ok/.test(await server.command('CLUSTER INFO')));
      },
    )
    for (const topic of ['room', '', '}', '{}', 'a}b{c', 'Ärger 🎈', '\u0000']) {
      assert.equal((await log.append(topic, 'one', { ...LIMITS, id: 'x' })).offset, 1)
      assert.deepEqual((await log.read(topic, 0, LIMITS)).entries, ['one'])
    }
    assert.equal(await number(server, 'DBSIZE'), 21)
  })

  test('H10 a server that is full has not taken the entry', async (t) => {
    const { server, log } = await stage(t)
    await append(log, 'one')
    await server.command('CONFIG SET maxmemory 1')
    await assert.rejects(async () => log.append('room', 'two', LIMITS), {
      code: 'BERYL_ERR_HISTORY_UNAVAILABLE',
      message: /OOM/,
    })
    await server.command('CONFIG SET maxmemory 0')
    assert.deepEqual((await log.read('room', 0, LIMITS)).entries, ['one'])
  })

  test('H10 a server that is full takes no entry of a new topic either, and leaves nothing of it; one can be read', async (t) => {
    const { server, log } = await stage(t)
    await server.command('CONFIG SET maxmemory 1')
    for (const [topic, id] of [
      ['room', undefined],
      ['hall', 'x'],
    ] as const)
      await assert.rejects(async () => log.append(topic, 'one', { ...LIMITS, id }), {
        code: 'BERYL_ERR_HISTORY_UNAVAILABLE',
        message: /OOM/,
      })
    assert.equal(await number(server, 'DBSIZE'), 0)
    assert.equal((await log.read('room', 0, LIMITS)).offset, 0)
  })

  test('H2 a master that was a replica in between, and lost what that one did not have, begins another epoch', async (t) => {
    const atOnce = 'repl-diskless-sync-delay 0'
    const { server, log } = await stage(t, [atOnce])
    const other = await RedisServer.start(atOnce)
    t.after(() => other.end())
    await follow(other, server)
    await append(log, 'one')
    await server.command('SET waited 1\r\nWAIT 1 10000')
    await other.command('REPLICAOF NO ONE')
    await append(log, 'two')
    const before = await log.read('room', 0, LIMITS)
    // Nobody uses the log while the other one is the master.
    await follow(server, other)
    await assert.rejects(async () => log.read('room', 0, LIMITS), { code: 'BERYL_ERR_HISTORY_UNAVAILABLE' })
    await assert.rejects(async () => log.append('room', 'no', LIMITS), { message: /READONLY/ })
    await server.command('REPLICAOF NO ONE')
    await append(log, 'another two')
    const after = await log.read('room', 0, LIMITS)
    assert.notEqual(after.epoch, before.epoch)
    assert.deepEqual(after.previous, [{ epoch: before.epoch, offset: 1 }])
    assert.deepEqual(after.entries, ['one', 'another two'])
  })

  test('a user that may not ask INFO is told so, and nothing is written; a user with the rights of the page may all', async (t) => {
    const rights =
      '~beryl:* &beryl:* -@all +subscribe +unsubscribe +publish +ping +hello +client +evalsha +eval +del +exists +hget +hmget +hset +hdel +xadd +xlen +xrange +xtrim +pexpire +pttl'
    const config = [`user blind on >pw ${rights}`, `user seeing on >pw ${rights} +info`]
    const blind = await stage(t, config, 'blind:pw@')
    await assert.rejects(async () => blind.log.append('room', 'one', LIMITS), {
      code: 'BERYL_ERR_HISTORY_UNAVAILABLE',
      message: /\+info/,
    })
    assert.equal(await number(blind.server, 'DBSIZE'), 0)
    const seeing = await stage(t, config, 'seeing:pw@')
    await seeing.log.append('room', 'one', { ...LIMITS, id: 'x' })
    await seeing.log.append('room', 'two', { ...LIMITS, size: 1 })
    await failOver(seeing.server)
    assert.deepEqual((await seeing.log.read('room', 0, LIMITS)).entries, ['two'])
    await seeing.log.forget('room')
  })
})
