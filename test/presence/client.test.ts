import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Presence as phoenix18 } from 'phoenix'
// @ts-expect-error the package has no types
import { Presence as phoenix17 } from 'phoenix-1.7'
import { PresenceRegister } from '../../src/presence/register.ts'
import { soloLane } from '../../src/replication/lane.ts'
import { ManualClock } from './network.ts'

interface Entry {
  readonly metas: readonly object[]
}

/** The part of the client's Presence that is used here. */
interface ClientPresence {
  onJoin(callback: (key: string, current: Entry | undefined, added: Entry) => void): void
  onLeave(callback: (key: string, current: Entry, gone: Entry) => void): void
  onSync(callback: () => void): void
  list<T>(by: (key: string, entry: Entry) => T): T[]
}

type Client = new (channel: Channel) => ClientPresence

type Handler = (payload: unknown) => void

/** As much of a channel as the client's Presence asks for. */
class Channel {
  readonly #handlers = new Map<string, Handler>()
  joins = 0
  joinRef(): string {
    return String(this.joins)
  }
  on(event: string, handler: Handler): void {
    this.#handlers.set(event, handler)
  }
  hear(event: string, json: string): void {
    this.#handlers.get(event)?.(JSON.parse(json))
  }
}

interface Calls {
  joined: [key: string, known: boolean, metas: number][]
  left: [key: string, remaining: number, metas: number][]
  synced: number
}

function setup(Client: Client) {
  const clock = new ManualClock()
  const channels: Channel[] = []
  const presence = new PresenceRegister({
    lane: () => soloLane('a'),
    sink: {
      subscribers: () => 1,
      diff: (_topic, { text }) => {
        for (const channel of channels) channel.hear('presence_diff', text)
      },
    },
    clock,
    options: { diffMs: 0 },
  })
  presence.start()
  const join = () => {
    const channel = new Channel()
    const client = new Client(channel)
    const calls: Calls = { joined: [], left: [], synced: 0 }
    client.onJoin((key, current, added) =>
      calls.joined.push([key, current !== undefined, added.metas.length]),
    )
    client.onLeave((key, current, gone) => calls.left.push([key, current.metas.length, gone.metas.length]))
    client.onSync(() => calls.synced++)
    channels.push(channel)
    const rejoin = (): void => {
      channel.joins++
      presence.newcomer('room:1', ({ text }) => channel.hear('presence_state', text))
    }
    rejoin()
    return { rejoin, calls, keys: () => client.list((key, { metas }) => [key, metas.length] as const) }
  }
  return { presence, clock, join }
}

for (const [version, Client] of [
  ['1.8.16', phoenix18],
  ['1.7', phoenix17],
] as unknown as [string, Client][]) {
  test(`K2 K3 K4 phoenix ${version} knows who is there from the state, and keeps up by the diffs`, () => {
    const { presence, clock, join } = setup(Client)
    presence.track('room:1', 'ann', {}, { owner: { id: '1', topic: 't' } })
    clock.turn()
    const { calls, keys } = join()
    const own = { id: '2', topic: 't' }
    presence.track('room:1', 'bob', {}, { owner: own })
    clock.turn()
    assert.deepEqual(keys(), [
      ['ann', 1],
      ['bob', 1],
    ])
    presence.track('room:1', 'cid', {}, { owner: own })
    clock.turn()
    assert.deepEqual(keys(), [
      ['ann', 1],
      ['bob', 1],
      ['cid', 1],
    ])
    presence.untrackAll(own)
    clock.turn()
    assert.deepEqual(keys(), [['ann', 1]])
    assert.deepEqual(calls.left, [
      ['bob', 0, 1],
      ['cid', 0, 1],
    ])
  })

  test(`K2 K4 phoenix ${version} that joins again never sees itself gone: the state has it under its new ref`, () => {
    const { presence, clock, join } = setup(Client)
    const owner = { id: '1', topic: 'room:1' }
    presence.track('room:1', 'ann', {}, { owner })
    const { calls, keys, rejoin } = join()
    clock.turn()
    presence.end(owner)
    presence.track('room:1', 'ann', {}, { owner: { id: '2', topic: 'room:1' } })
    rejoin()
    clock.turn()
    assert.deepEqual(keys(), [['ann', 1]])
    assert.ok(
      calls.left.every(([, remaining]) => remaining === 1),
      'there was always one meta left',
    )
  })

  test(`K5 K7 phoenix ${version} sees two tabs of one user as two metas, and the last one's end as a leave`, () => {
    const { presence, clock, join } = setup(Client)
    const { calls, keys } = join()
    clock.turn()
    const tabs = ['1', '2'].map((id) => ({ id, topic: 'room:1' }))
    for (const owner of tabs) {
      presence.track('room:1', 'ann', {}, { owner })
      clock.turn()
    }
    assert.deepEqual(keys(), [['ann', 2]])
    for (const owner of tabs) {
      presence.end(owner)
      clock.turn()
    }
    assert.deepEqual(keys(), [])
    assert.deepEqual(calls.joined, [
      ['ann', false, 1],
      ['ann', true, 1],
    ])
    assert.deepEqual(calls.left, [
      ['ann', 1, 1],
      ['ann', 0, 1],
    ])
  })

  test(`K6 phoenix ${version} never sees a key without metas while it is updated`, () => {
    const { presence, clock, join } = setup(Client)
    const { calls, keys } = join()
    clock.turn()
    const owner = { id: '1', topic: 'room:1' }
    presence.track('room:1', 'ann', { n: 0 }, { owner })
    for (let n = 1; n <= 5; n++) {
      presence.update('room:1', 'ann', { n }, { owner })
      if (n % 2 === 0) clock.turn()
      assert.ok(calls.left.every(([, remaining]) => remaining === 1))
    }
    clock.turn()
    assert.deepEqual(keys(), [['ann', 1]])
  })

  test(`K12 phoenix ${version} holds hostile keys`, () => {
    const { presence, clock, join } = setup(Client)
    const { keys } = join()
    clock.turn()
    // 1.7 keeps its state in an ordinary object, where __proto__ is out of our hands.
    const hostile = version === '1.7' ? ['5', ''] : ['__proto__', 'constructor', '5', '']
    for (const key of hostile) presence.track('room:1', key, {}, { owner: { id: key, topic: 't' } })
    clock.turn()
    assert.deepEqual(
      keys()
        .map(([key]) => key)
        .sort(),
      hostile.sort(),
    )
  })
}
