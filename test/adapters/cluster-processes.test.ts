import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { cluster, startWorkers, type WorkersOptions } from 'fastify-beryl/cluster'
import { type Channel, Socket } from 'phoenix'
import { WebSocket } from 'ws'
import { freePort } from '../support/broker.ts'
import { until } from '../support/until.ts'
import { node } from './cluster.ts'
import { Site } from './site.ts'

// Real workers of node:cluster, and the client that Phoenix itself ships.

async function start(t: TestContext, env: NodeJS.ProcessEnv): Promise<Site> {
  const site = new Site(await freePort(), env)
  t.after(() => site.child.kill('SIGKILL'))
  return site
}

/** A user who says one thing after another, each when the one before is answered, and keeps a ledger. */
class User {
  readonly heard: number[] = []
  readonly acked: number[] = []
  /** Codes with which the socket was closed. */
  readonly closes: number[] = []
  readonly #socket: Socket
  readonly #channel: Channel
  readonly #id: number
  #n = 0
  isTalking = false
  pid = 0

  constructor(t: TestContext, { port }: Site, id: number, topic = 'room:1') {
    this.#id = id
    this.#socket = new Socket(`ws://127.0.0.1:${port}/socket`, {
      transport: WebSocket,
      reconnectAfterMs: () => 50,
      rejoinAfterMs: () => 50,
    })
    t.after(() => this.#socket.disconnect())
    this.#socket.onClose((event: { code: number }) => {
      this.closes.push(event.code)
    })
    this.#channel = this.#socket.channel(topic)
    this.#channel.on('said', ({ n }: { n: number }) => {
      this.heard.push(n)
    })
    this.#socket.connect()
    this.#channel.join().receive('ok', ({ pid }: { pid: number }) => {
      this.pid = pid
      if (this.isTalking) this.#say()
    })
  }

  get isThere(): boolean {
    return this.#channel.state === 'joined'
  }

  leave(): void {
    this.#socket.disconnect()
  }

  talk(): void {
    this.isTalking = true
    this.#say()
  }

  ask<T>(event: string, payload: object = {}): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#channel.push(event, payload).receive('ok', resolve).receive('error', reject)
    })
  }

  tell(event: string, payload: object): void {
    this.#channel.push(event, payload)
  }

  #say(): void {
    const n = this.#id * 1_000_000 + this.#n++
    const join = this.pid
    this.#channel.push('say', { n }, 60_000).receive('ok', () => {
      this.acked.push(n)
      if (this.isTalking && this.pid === join) setImmediate(() => this.#say())
    })
  }
}

/** The messages that one user heard of another. */
function heardOf(user: User, id: number): number[] {
  return user.heard.filter((n) => Math.floor(n / 1_000_000) === id)
}

test('X18: kill -9 of one of three workers under traffic: the others are unharmed, its users are back, nothing comes twice or out of order, and a new one is forked', async (t) => {
  const site = await start(t, { COUNT: '3' })
  await site.says('pid')
  const users = Array.from({ length: 9 }, (_, id) => new User(t, site, id))
  await until('all are in', () => users.every(({ isThere }) => isThere))
  for (const user of users) user.talk()
  await until('they talk', () => users.every(({ acked }) => acked.length > 20))
  const victim = users[0]?.pid ?? 0
  const moved = users.filter(({ pid }) => pid === victim)
  const others = users.filter(({ pid }) => pid !== victim)
  assert.ok(moved.length > 0 && others.length > 0)
  process.kill(victim, 'SIGKILL')
  const killedAt = performance.now()
  await until('they noticed', () => moved.every(({ closes }) => closes.length > 0))
  await until('they are back', () => moved.every(({ isThere, pid }) => isThere && pid !== victim))
  t.diagnostic(`back after ${Math.round(performance.now() - killedAt)} ms`)
  const before = users.map(({ acked }) => acked.length)
  await until('all talk on', () => users.every(({ acked }, u) => acked.length > (before[u] ?? 0) + 20))
  for (const user of users) user.isTalking = false
  for (const user of others) {
    assert.deepEqual(user.closes, [])
    for (const speaker of others) {
      const id = users.indexOf(speaker)
      await until('all that was acked came', () => heardOf(user, id).length >= speaker.acked.length)
    }
  }
  for (const user of users) {
    assert.equal(new Set(user.heard).size, user.heard.length, 'no duplicates')
    for (const id of users.keys()) {
      const heard = heardOf(user, id)
      assert.deepEqual(
        heard,
        heard.toSorted((a, b) => a - b),
        'in order',
      )
    }
  }
  // The primary hands new connections to its workers in turn.
  let late = new User(t, site, 100)
  await until('a new worker serves', () => {
    if (!late.isThere) return false
    if (!users.some(({ pid }) => pid === late.pid)) return true
    late.leave()
    late = new User(t, site, 100)
    return false
  })
})

test('X19: a rolling restart replaces worker after worker: clients are closed with 1012 and come back, what was acked was heard', async (t) => {
  const site = await start(t, { COUNT: '2' })
  await site.says('pid')
  const users = Array.from({ length: 6 }, (_, id) => new User(t, site, id))
  await until('all are in', () => users.every(({ isThere }) => isThere))
  const former = new Set(users.map(({ pid }) => pid))
  assert.equal(former.size, 2)
  for (const user of users) user.talk()
  // Two at once: one roll behind the other.
  site.child.kill('SIGUSR2')
  await site.says('rolled twice, 2 workers')
  await until('all are on new ones', () => users.every(({ isThere, pid }) => isThere && !former.has(pid)))
  for (const user of users) {
    assert.ok(user.closes.length > 0 && user.closes.every((code) => code === 1012), String(user.closes))
    user.isTalking = false
    // A user that hears itself was joined: an answered message had been broadcast before.
    const own = new Set(heardOf(user, users.indexOf(user)))
    assert.deepEqual(
      user.acked.filter((n) => !own.has(n)),
      [],
    )
    assert.equal(new Set(user.heard).size, user.heard.length)
  }
  site.child.kill('SIGTERM')
  assert.deepEqual(await site.ended, [0, null])
  assert.match(site.lines.at(-1) ?? '', /ended "normal"/)
})

test('X17: a worker that is stopped loses what is above its credit, counted, and hears on', async (t) => {
  const site = await start(t, { COUNT: '2' })
  await site.says('pid')
  const users = Array.from({ length: 4 }, (_, id) => new User(t, site, id))
  await until('all are in', () => users.every(({ isThere }) => isThere))
  const [one] = users as [User]
  const two = users.find(({ pid }) => pid !== one.pid)
  assert.ok(two)
  process.kill(two.pid, 'SIGSTOP')
  t.after(() => {
    try {
      process.kill(two.pid, 'SIGKILL')
    } catch {
      // It has ended.
    }
  })
  one.tell('flood', { bytes: 500_000, times: 120 })
  await one.ask('say', { n: 1 })
  process.kill(two.pid, 'SIGCONT')
  // A message that comes before the queue is taken is above the credit, too.
  const hearsOn = (): boolean => two.heard.some((n) => n > 1)
  for (let n = 2; !hearsOn(); n++) {
    await one.ask('say', { n })
    // No faster than a client may speak.
    await setTimeout(50)
  }
  let dropped = 0
  await two.ask<{ dropped: number }>('dropped').then((reply) => {
    dropped = reply.dropped
  })
  assert.ok(dropped > 0, `${dropped} dropped`)
})

test('X20: the workers end with their primary', async (t) => {
  const site = await start(t, { COUNT: '2' })
  await site.says('pid')
  const users = Array.from({ length: 4 }, (_, id) => new User(t, site, id))
  await until('all are in', () => users.every(({ isThere }) => isThere))
  const pids = [...new Set(users.map(({ pid }) => pid))]
  site.child.kill('SIGKILL')
  await until('they have ended', () => pids.every((pid) => !isAlive(pid)))
})

test('X21: where too many workers die, all are ended, and the primary ends with 1', async (t) => {
  const site = await start(t, { COUNT: '1', MODE: 'crash' })
  const [code] = await site.ended
  assert.equal(code, 1)
})

test('X21: where a worker cannot be made at all, the start fails at once, with the reason', async (t) => {
  const site = await start(t, { MODE: 'nobody' })
  await site.says('refused')
  await site.ended
  assert.match(site.lines.join(''), /spawn \/nowhere\/node ENOENT/)
})

test('X22: under a process manager the start fails, and names startWorkers and redis()', async (t) => {
  const site = await start(t, { MODE: 'manager' })
  await site.says('failed')
  assert.match(
    site.lines.join(''),
    /cluster at the primary: out of reach for 2000 ms \(no answer\): start the workers with startWorkers\(\) .*redis\(\)/,
  )
})

test('X23: without workers there is one node, and nothing is encoded for others', async (t) => {
  const adapter = cluster()
  assert.deepEqual([adapter.name, adapter.isSolo, adapter.status], ['cluster', true, 'up'])
  const { app } = await node(t, adapter)
  assert.equal(app.channels.status().pubsub?.adapter, 'cluster')
  await assert.rejects(startWorkers(), {
    code: 'BERYL_ERR_CLUSTER',
    message: /an application with cluster\(\) runs in this process/,
  })
})

test('options that cannot be are refused with field, wanted and got', async () => {
  const refusals: [unknown, RegExp][] = [
    [{ count: 0 }, /option 'startWorkers.count': wanted a whole number from 1 to 1024, got 0/],
    [{ workers: 2 }, /option 'startWorkers.workers': wanted one of count/],
    [{ exec: 7 }, /option 'startWorkers.exec': wanted the path of a file/],
    [{ args: [7] }, /option 'startWorkers.args\[0\]'/],
    [{ report: 7 }, /option 'startWorkers.report': wanted a function/],
    [{ drainTimeoutMs: -1 }, /option 'startWorkers.drainTimeoutMs'/],
    [{ intensity: -1 }, /option 'startWorkers.intensity'/],
    [
      { historyBytes: -1 },
      /option 'startWorkers.historyBytes': wanted a whole number above 0, or false for no limit, got -1/,
    ],
  ]
  for (const [options, message] of refusals)
    await assert.rejects(startWorkers(options as WorkersOptions), { message })
  assert.throws(() => cluster({ url: 'x' } as never), /option 'cluster.url': wanted one of prefix/)
})

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
