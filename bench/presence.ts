/**
 * The price of presence: tracks a second, bytes of a delta, a list of 10,000, the merge of two nodes with 100,000 rows
 * each (time and heap), 1,000 joins in one turn. Beside it, in the same run, the nearest that socket.io has: who is in a room of its
 * in-memory adapter. (It has no metas that change, no diffs and no keys with several presences, and one node only.)
 *
 * Times are CPU milliseconds of this process (user and system): on a shared machine the clock on the wall says little.
 *
 * Run it with `npm run bench:presence`.
 */
import { EventEmitter } from 'node:events'
import { Adapter } from 'socket.io-adapter'
import { systemClock } from '../src/ground/clock.ts'
import type { PresenceDiff } from '../src/presence/diff.ts'
import { PresenceRegister } from '../src/presence/register.ts'
import type { Lane, LaneListener } from '../src/replication/lane.ts'

const ROUNDS = 5
const META = { name: 'Ann Example', status: 'online', since: 1_767_225_600 }
const OFF = { keys: false, changesPerSecond: false, shownKeys: false } as const

/** Two nodes whose messages wait until they are told to go. */
class Wire {
  readonly sent: { to: string; from: string; bytes: Uint8Array }[] = []
  readonly #listeners = new Map<string, LaneListener>()

  lane(node: string): Lane {
    const post = (to: string, bytes: Uint8Array): void => void this.sent.push({ to, from: node, bytes })
    return {
      node,
      publish: (bytes) => {
        for (const to of this.#listeners.keys()) if (to !== node) post(to, bytes)
      },
      send: post,
      listen: (listener) => {
        this.#listeners.set(node, listener)
        return () => void this.#listeners.delete(node)
      },
    }
  }

  /** Delivers what waits and gives how long receiving took, and how many bytes it was. */
  deliver(): { ms: number; bytes: number } {
    const total = { ms: 0, bytes: 0 }
    for (let packet = this.sent.shift(); packet !== undefined; packet = this.sent.shift()) {
      total.bytes += packet.bytes.length
      const begun = cpuMs()
      this.#listeners.get(packet.to)?.(packet.from, packet.bytes)
      total.ms += cpuMs() - begun
    }
    return total
  }
}

/** A clock whose periods pass when they are told to. */
function steppedClock() {
  const ticks = new Set<() => void>()
  let turn: (() => void)[] = []
  return {
    ...systemClock,
    setInterval(run: () => void) {
      ticks.add(run)
      return { cancel: () => void ticks.delete(run) }
    },
    setImmediate(run: () => void) {
      turn.push(run)
      return { cancel() {} }
    },
    tick: () => {
      for (const run of [...ticks]) run()
    },
    turn: () => {
      for (const run of turn.splice(0)) run()
      turn = []
    },
  }
}

function newNode(name: string, wire: Wire) {
  const clock = steppedClock()
  const frames: PresenceDiff[] = []
  const presence = new PresenceRegister({
    lane: () => wire.lane(name),
    sink: { subscribers: () => 1, diff: (_topic, { text }) => frames.push(JSON.parse(text)) },
    clock,
    options: { limits: OFF },
  })
  return { presence, process: presence.start(), clock, frames }
}

function fill(presence: PresenceRegister, count: number, topics: number, prefix = 'user'): void {
  for (let n = 0; n < count; n++)
    presence.track(`room:${n % topics}`, `${prefix}:${n}`, META, { owner: { id: String(n), topic: 'bench' } })
}

function timed(work: () => void): number {
  globalThis.gc?.()
  const begun = cpuMs()
  work()
  return cpuMs() - begun
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1_000
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}

function rounds(round: () => number): number {
  return median(Array.from({ length: ROUNDS }, round))
}

function tracksPerSecond(): number {
  const ms = rounds(() => {
    const { presence, clock } = newNode('a', new Wire())
    return timed(() => {
      fill(presence, 100_000, 1_000)
      clock.turn()
    })
  })
  return 100_000 / (ms / 1_000)
}

function bytesPerDelta(changes: number): number {
  const wire = new Wire()
  const a = newNode('a', wire)
  newNode('b', wire)
  wire.deliver()
  fill(a.presence, 10_000, 10)
  a.clock.tick()
  wire.deliver()
  fill(a.presence, changes, 1, 'more')
  a.clock.tick()
  return wire.deliver().bytes
}

function listMs(keys: number): number {
  const { presence } = newNode('a', new Wire())
  fill(presence, keys, 1)
  return rounds(() => timed(() => presence.list('room:0')))
}

function listJsonMs(keys: number): number {
  const { presence } = newNode('a', new Wire())
  fill(presence, keys, 1)
  return rounds(() => timed(() => JSON.stringify(presence.list('room:0'))))
}

/** Each takes in the other's 100,000: the receiving half, which is what the event loop stands still for. */
function mergeCost(): { ms: number; told: number; bytes: number; heap: number } {
  const results = Array.from({ length: ROUNDS }, () => {
    const wire = new Wire()
    const [a, b] = [newNode('a', wire), newNode('b', wire)]
    wire.deliver()
    fill(a.presence, 100_000, 1_000, 'a')
    fill(b.presence, 100_000, 1_000, 'b')
    for (const { clock } of [a, b]) clock.turn()
    a.clock.tick()
    b.frames.length = 0
    globalThis.gc?.()
    const before = process.memoryUsage().heapUsed
    const { ms, bytes } = wire.deliver()
    if (b.presence.list('room:0') && b.presence.count('room:0') !== 200) throw new Error('not merged')
    const told = timed(() => b.clock.turn())
    b.frames.length = 0
    globalThis.gc?.()
    return { ms, bytes, told, heap: process.memoryUsage().heapUsed - before }
  })
  return {
    ms: median(results.map(({ ms }) => ms)),
    told: median(results.map(({ told }) => told)),
    bytes: results[0]?.bytes ?? 0,
    heap: median(results.map(({ heap }) => heap)),
  }
}

function joinsInOneTurn(count: number): { ms: number; frames: number; bytes: number } {
  let frames = 0
  let bytes = 0
  const ms = rounds(() => {
    const node = newNode('a', new Wire())
    const took = timed(() => {
      fill(node.presence, count, 1)
      node.clock.turn()
    })
    frames = node.frames.length
    bytes = JSON.stringify(node.frames[0]).length
    return took
  })
  return { ms, frames, bytes }
}

/** A room of socket.io's adapter, with as much of sockets as it looks at. */
function socketIoRoom(count: number): Adapter {
  const sockets = new Map<string, object>()
  const namespace = Object.assign(new EventEmitter(), { name: '/', sockets, server: { encoder: {} } })
  const adapter = new Adapter(namespace)
  for (let n = 0; n < count; n++) {
    const id = String(n)
    sockets.set(id, { id, data: META, rooms: new Set([id, 'room:0']), handshake: {} })
    void adapter.addAll(id, new Set([id, 'room:0']))
  }
  return adapter
}

async function socketIo(): Promise<{ joinsPerSecond: number; listMs: number }> {
  const joinMs = rounds(() => timed(() => socketIoRoom(100_000)))
  const adapter = socketIoRoom(10_000)
  const lists: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    globalThis.gc?.()
    const begun = cpuMs()
    const sockets = await adapter.fetchSockets({ rooms: new Set(['room:0']), except: new Set() })
    lists.push(cpuMs() - begun)
    if (sockets.length !== 10_000) throw new Error('not listed')
  }
  return { joinsPerSecond: 100_000 / (joinMs / 1_000), listMs: median(lists) }
}

const rows: [what: string, value: string, unit: string][] = []
function row(what: string, value: number, unit: string): void {
  rows.push([what, value >= 100 ? Math.round(value).toLocaleString('en') : value.toFixed(2), unit])
}

const peer = await socketIo()
row('track, 100,000 over 1,000 topics, diffs included', tracksPerSecond(), '/s')
row('  socket.io adapter: join, 100,000 in a room, without diffs', peer.joinsPerSecond, '/s')
row('a delta of 1 change beside 10,000 rows', bytesPerDelta(1), 'bytes')
row('a delta of 100 changes beside 10,000 rows', bytesPerDelta(100), 'bytes')
row('list of 10,000', listMs(10_000), 'ms')
row('list of 10,000, as JSON text', listJsonMs(10_000), 'ms')
row('  socket.io adapter: fetchSockets of 10,000', peer.listMs, 'ms')
const merge = mergeCost()
row('100,000 rows of another node merged beside 100,000', merge.ms, 'ms')
row('  as bytes on the way', merge.bytes / 100_000, 'bytes a row')
row('  in the heap', merge.heap / 100_000, 'bytes a row')
row('  then 1,000 topics told', merge.told, 'ms')
const turn = joinsInOneTurn(1_000)
row('1,000 joins of one topic in one turn', turn.ms, 'ms')
row('  diffs that a subscriber gets', turn.frames, 'frames')
row('  of', turn.bytes / 1_024, 'KiB')

for (const [what, value, unit] of rows) console.log(`${what.padEnd(64)} ${value.padStart(12)} ${unit}`)
