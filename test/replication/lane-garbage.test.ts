import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { encodeMessage as encodeGroups } from '../../src/groups/messages.ts'
import { GroupRegister } from '../../src/groups/register.ts'
import { encodeMessage as encodePresence, type PresenceMessage } from '../../src/presence/messages.ts'
import { makeRow } from '../../src/presence/row.ts'
import { encodeEnvelope } from '../../src/pubsub/envelope.ts'
import { ManualClock, Network, TestNode } from '../presence/network.ts'
import { Listener, Node } from '../pubsub/lab.ts'
import { check } from '../support/property.ts'

// Bytes from another node are believed no more than those of a client: bytes that are none, messages with a byte
// changed, values of other types, numbers at their ends. Whatever it is, the process lives and the good nodes are heard.

const number = fc.oneof(fc.nat(5), fc.constantFrom(2 ** 32, 2 ** 48 - 1, 2 ** 52, Number.MAX_SAFE_INTEGER))
const text = fc.oneof(
  fc.constantFrom('', 'a', 'z', 'g', 'room:1', '\ud800', '__proto__', 'x'.repeat(70_000)),
  fc.string(),
)
const value = fc.oneof(fc.constantFrom(undefined, null, 0, -1, 1.5, '', true, [], {}), text, number)

/** Any change of good bytes: one byte, a cut, something behind it. */
function mutated(good: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  return fc.tuple(good, fc.nat(2), fc.nat(), fc.nat(255)).map(([bytes, how, at, byte]) => {
    const copy = Uint8Array.from(bytes)
    if (how === 0) copy[at % copy.length] = byte
    if (how === 1) return copy.subarray(0, at % copy.length)
    return how === 2 ? Uint8Array.from([...copy, byte]) : copy
  })
}

const noise = fc.uint8Array({ maxLength: 40 })

// Presence

const incarnation = fc.record({ generation: fc.oneof(fc.nat(3), fc.constant(2 ** 52)), nonce: number })
const rows = fc.array(fc.tuple(value, value, value, value), { maxLength: 3 })
const presenceMessage: fc.Arbitrary<Uint8Array> = fc
  .tuple(fc.nat(4), incarnation, incarnation, fc.tuple(number, number, number), fc.boolean(), text, rows)
  .map(([kind, own, other, [a, b, c], flag, node, cells]) => {
    const [after, upTo, until] = [a, b, c].sort((x, y) => x - y) as [number, number, number]
    const vector = new Map([[node, { incarnation: other, sequence: a }]])
    // Rows of any type: written as they are.
    const odd = cells.map(([owner, key, meta, topic], n) => ({
      ...makeRow({ topic: 't', key: 'k', owner: 1, ref: 'r', json: '{}' }),
      ...({ owner, key, text: JSON.stringify(meta), topic, dot: after + n + 1 } as object),
    }))
    const messages: PresenceMessage[] = [
      { kind: 'heartbeat', incarnation: own, greeting: flag, sequence: a, vector },
      { kind: 'changes', incarnation: own, answers: other, after, upTo, until, gone: [], rows: odd },
      { kind: 'snapshot', incarnation: own, answers: other, after, upTo, until, gone: [], rows: odd },
      { kind: 'request', incarnation: own, of: other, since: a },
      { kind: 'goodbye', incarnation: own, holdMs: a },
    ]
    return encodePresence(messages[kind] as PresenceMessage)
  })

test('P11 garbage on the lane of presence ends no process, and the good nodes are heard beside it', (t) => {
  const bytes = fc.array(fc.oneof(presenceMessage, mutated(presenceMessage), noise), { maxLength: 30 })
  check(t, 300, bytes, (script) => {
    const [network, clock] = [new Network(), new ManualClock()]
    const [a, b] = ['a', 'b'].map((name) => new TestNode(name, network, clock, {})) as [TestNode, TestNode]
    network.deliverAll()
    for (const each of script) {
      network.hand({ from: 'z', to: 'a', bytes: each })
      clock.advance(500)
      network.deliverAll()
    }
    const owner = { id: 'o', topic: 'room:1' }
    a.presence.track('room:1', 'ann', {}, { owner })
    b.presence.track('room:1', 'bob', {}, { owner })
    for (let period = 0; period < 6; period++) {
      clock.advance(1_500)
      network.deliverAll()
    }
    for (const node of [a, b]) {
      assert.equal(node.isRunning, true)
      for (const key of ['ann', 'bob']) assert.equal(node.presence.get('room:1', key)?.metas.length, 1)
      assert.deepEqual(node.failures, [])
    }
  })
})

// Groups

const entry = fc.tuple(text, fc.option(text, { nil: undefined }))
const groupsMessage: fc.Arbitrary<Uint8Array> = fc
  .tuple(fc.nat(2), text, number, number, fc.array(entry, { maxLength: 3 }))
  .map(([kind, writer, a, b, entries]) => {
    const after = Math.min(a, Number.MAX_SAFE_INTEGER - 5)
    const upTo = Math.max(after + entries.length, b)
    if (kind === 0) return encodeGroups({ kind: 'digest', greeting: true, known: a, holding: b })
    if (kind === 1) return encodeGroups({ kind: 'request' })
    const listed = entries.map(([group, topic], n) => [after + n + 1, { group, topic }] as const)
    return encodeGroups({ kind: 'segments', segments: [{ writer, after, upTo, entries: listed }] })
  })

test('garbage on the lane of groups ends no process, shows no name that is none, and the good nodes agree beside it', (t) => {
  const bytes = fc.array(fc.oneof(groupsMessage, mutated(groupsMessage), noise), { maxLength: 30 })
  check(t, 300, bytes, (script) => {
    const [network, clock] = [new Network(), new ManualClock()]
    const [a, b] = ['a', 'b'].map((name) => {
      const groups = new GroupRegister({ lane: () => network.lane(name), broadcast() {}, clock })
      groups.start()
      return groups
    }) as [GroupRegister, GroupRegister]
    for (const each of script) {
      network.hand({ from: 'z', to: 'a', bytes: each })
      clock.turn()
      network.deliverAll()
    }
    for (const [n, groups] of [a, b].entries()) if (!groups.has(`own ${n}`)) groups.create(`own ${n}`)
    a.add('own 0', 'room:1')
    for (let period = 0; period < 16; period++) {
      clock.advance(1_500)
      network.deliverAll()
    }
    assert.deepEqual(a.list().sort(), b.list().sort())
    assert.ok(b.topics('own 0').has('room:1'))
    for (const name of a.list()) for (const topic of ['x', ...a.topics(name)]) a.has(topic)
  })
})

test('a number that another node took for its group holds up nothing', () => {
  const [network, clock] = [new Network(), new ManualClock()]
  const groups = new GroupRegister({ lane: () => network.lane('a'), broadcast() {}, clock })
  groups.start()
  for (const [call, args] of [
    ['create', [0]],
    ['create', ['']],
    ['create', ['\ud800']],
    ['create', ['x'.repeat(256)]],
    ['add', ['team', 7]],
    ['add', ['team', '']],
    ['remove', ['team', null]],
    ['has', [undefined]],
    ['broadcast', ['team', 5, {}]],
  ] as const) {
    if (!groups.has('team')) groups.create('team')
    const refused = {
      code: 'BERYL_ERR_ARGUMENT',
      message: new RegExp(`^groups.${call}: \\w+: wanted .*, got `),
    }
    assert.throws(() => (groups[call] as (...args: unknown[]) => void)(...args), refused)
  }
  assert.deepEqual([groups.list(), groups.topics('team')], [['team'], new Set()])
})

// The pubsub

const envelope: fc.Arbitrary<Uint8Array> = fc
  .tuple(fc.nat(3), value, number, number, fc.tuple(value, value, value), value)
  .map(([kind, node, run, sequence, [topic, event, connectionId], payload]) =>
    encodeEnvelope({
      kind: (['broadcast', 'push', 'disconnect', 'lane'] as const)[kind] as 'push',
      run: Math.min(run, 2 ** 48 - 1),
      sequence: Math.min(sequence, 2 ** 48 - 1),
      payload,
      ...({ node, topic, event, connectionId } as {
        node: string
        topic: string
        event: string
        connectionId: string
      }),
    }),
  )

test('garbage from the adapter reaches nobody as a throw, and the broadcasts of good nodes come through', async (t) => {
  const script = fc.array(fc.oneof(envelope, mutated(envelope), noise, value as fc.Arbitrary<never>), {
    maxLength: 40,
  })
  check(t, 300, script, (all) => {
    let deliver: (topic: string, bytes: Uint8Array) => void = () => {}
    const node = new Node('a', {
      name: 'test',
      status: 'up',
      start(_node, arrived) {
        deliver = arrived
      },
      publish() {},
      subscribe() {},
      unsubscribe() {},
      stop() {},
    })
    assert.equal(node.pubsub.start(), node.pubsub)
    const listener = new Listener()
    node.join('good', listener)
    node.pubsub.listen('room:1', () => {
      throw new Error('broken')
    })
    for (const bytes of all) deliver('control', bytes)
    const good = { kind: 'broadcast', node: 'b', run: 77, topic: 'good', connectionId: undefined } as const
    for (let n = 1; n < 4; n++) deliver('x', encodeEnvelope({ ...good, sequence: n, event: 'e', payload: n }))
    assert.deepEqual(
      listener.heard.slice(-3),
      [1, 2, 3].map((n) => ['e', n]),
    )
  })
})
