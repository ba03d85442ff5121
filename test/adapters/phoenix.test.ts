import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type Channel, Presence, Socket } from 'phoenix'
import { WebSocket } from 'ws'
import { need } from '../support/need.ts'
import { RedisServer } from '../support/redis.ts'
import { until } from '../support/until.ts'

// Three nodes, each a process of its own, one Redis, and the clients that Phoenix itself ships, as they are.

const file = fileURLToPath(new URL('phoenix-node.ts', import.meta.url))

async function startNode(redisPort: number): Promise<{ child: ChildProcess; port: number }> {
  const child = spawn(process.execPath, ['--import', 'tsx', file, String(redisPort)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = await once(child.stdout as NonNullable<typeof child.stdout>, 'data')
  return { child, port: Number(String(line).trim()) }
}

/** A user of phoenix.js who comes back on one of the other ports when the own node has gone. */
class User {
  readonly heard: number[] = []
  readonly socket: Socket
  readonly channel: Channel
  readonly presence: Presence
  isJoined = false

  constructor(ports: readonly number[]) {
    let attempts = 0
    // phoenix.js knows one address: a balancer that tries the next node, in its transport.
    class Balanced extends WebSocket {
      constructor(url: string) {
        super(url.replace('balancer', `127.0.0.1:${ports[attempts++ % ports.length]}`))
      }
    }
    this.socket = new Socket('ws://balancer/socket', {
      transport: Balanced,
      reconnectAfterMs: () => 50,
      rejoinAfterMs: () => 50,
    })
    this.channel = this.socket.channel('room:1')
    this.presence = new Presence(this.channel)
    this.channel.on('said', ({ n }: { n: number }) => {
      this.heard.push(n)
    })
    this.socket.connect()
    this.channel.join().receive('ok', () => {
      this.isJoined = true
    })
  }

  get isThere(): boolean {
    return this.channel.state === 'joined'
  }

  get seen(): number {
    return this.presence.list().length
  }

  say(n: number): void {
    this.channel.push('say', { n })
  }
}

test(
  'three nodes, unmodified phoenix.js: all hear all in order and see all; kill -9 of one moves its users, nobody else notices',
  need('redis-server'),
  async (t) => {
    const server = await RedisServer.start()
    const nodes = await Promise.all([1, 2, 3].map(() => startNode(server.port)))
    const users = nodes.flatMap((_, n) => {
      const ports = nodes.map((_, m) => nodes[(n + m) % nodes.length]?.port ?? 0)
      return [new User(ports), new User(ports)]
    })
    t.after(async () => {
      for (const { socket } of users) socket.disconnect()
      for (const { child } of nodes) child.kill('SIGKILL')
      await server.end()
    })
    await until('all are in', () => users.every(({ isThere }) => isThere))
    await until('all see all', () => users.every(({ seen }) => seen === users.length))
    for (let n = 0; n < 100; n++) for (const [u, user] of users.entries()) user.say(u * 1_000 + n)
    await until('all heard all', () => users.every(({ heard }) => heard.length >= users.length * 100))
    for (const { heard } of users) {
      assert.equal(new Set(heard).size, users.length * 100, 'no duplicates')
      for (const u of users.keys()) {
        const of = heard.filter((n) => Math.floor(n / 1_000) === u)
        assert.deepEqual(
          of,
          of.toSorted((a, b) => a - b),
          'in order',
        )
      }
    }
    const opened = users.slice(2).map(({ socket }) => {
      let closes = 0
      socket.onClose(() => {
        closes++
      })
      return () => closes
    })
    nodes[0]?.child.kill('SIGKILL')
    const killedAt = performance.now()
    const [first, second] = users as [User, User]
    await until('they have noticed', () => !first.isThere && !second.isThere)
    await until('they are back elsewhere', () => first.isThere && second.isThere)
    t.diagnostic(
      `${Math.round(performance.now() - killedAt)} ms until the users of the dead node had joined elsewhere`,
    )
    for (const user of users) user.heard.length = 0
    for (const [u, user] of users.entries()) user.say(u)
    await until('all hear all again', () => users.every(({ heard }) => heard.length >= users.length))
    for (const { heard } of users) assert.equal(new Set(heard).size, users.length)
    await until('the ghosts are gone', () => users.every(({ seen }) => seen === users.length))
    assert.deepEqual(
      opened.map((closes) => closes()),
      [0, 0, 0, 0],
    )
  },
)
