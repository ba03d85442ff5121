import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { fitsName } from '../../src/ground/name.ts'
import { JsonText } from '../../src/protocol/message.ts'
import { isReservedEvent } from '../../src/protocol/topic.ts'
import { decodeEnvelope, type Envelope, encodeEnvelope } from '../../src/pubsub/envelope.ts'

const ENVELOPE: Envelope = {
  kind: 'push',
  node: 'n',
  run: 3,
  sequence: 258,
  topic: 't',
  event: 'e',
  connectionId: 'n.1',
  connectionTopic: undefined,
  payload: { a: 1 },
}

test('an envelope is a header of eighteen bytes, a head and a body', () => {
  const head = '{"node":"n","topic":"t","event":"e","connectionId":"n.1","binary":false}'
  const expected = Buffer.concat([
    Buffer.from([
      2, // version
      1, // kind: push
      ...[0, 0, 0, 0, 0, 3], // run
      ...[0, 0, 0, 0, 1, 2], // sequence 258
      ...[0, 0, 0, head.length],
    ]),
    Buffer.from(head),
    Buffer.from('{"a":1}'),
  ])
  assert.deepEqual(Buffer.from(encodeEnvelope(ENVELOPE)), expected)
})

// The bytes of this version: an older and a newer node in one cluster have to read them. A change here is a new version.
const WRITTEN: readonly (readonly [change: Partial<Envelope>, kind: number, head: string, body: string])[] = [
  [
    { kind: 'broadcast', connectionId: undefined },
    0,
    '{"node":"n","topic":"t","event":"e","binary":false}',
    '{"a":1}',
  ],
  [
    { kind: 'broadcast', payload: Buffer.from('b') },
    0,
    '{"node":"n","topic":"t","event":"e","connectionId":"n.1","binary":true}',
    'b',
  ],
  [
    { kind: 'disconnect', event: '', connectionId: undefined, payload: undefined },
    2,
    '{"node":"n","topic":"t","event":"","binary":false}',
    '',
  ],
  [
    { kind: 'lane', connectionId: undefined, payload: Buffer.from('b') },
    3,
    '{"node":"n","topic":"t","event":"e","binary":true}',
    'b',
  ],
  [
    { kind: 'group', connectionId: undefined },
    4,
    '{"node":"n","topic":"t","event":"e","binary":false}',
    '{"a":1}',
  ],
  [
    { kind: 'info', connectionTopic: 'u' },
    5,
    '{"node":"n","topic":"t","event":"e","connectionId":"n.1","connectionTopic":"u","binary":false}',
    '{"a":1}',
  ],
  [
    { kind: 'dismissal', connectionId: undefined, connectionTopic: 'u' },
    6,
    '{"node":"n","topic":"t","event":"e","connectionTopic":"u","binary":false}',
    '{"a":1}',
  ],
]

test('X26: what this version writes of each kind are these bytes, which it reads, also with a field of a later version in the head', () => {
  for (const [change, kind, head, body] of WRITTEN) {
    const header = (length: number): number[] => [
      2,
      kind,
      0,
      0,
      0,
      0,
      0,
      3,
      0,
      0,
      0,
      0,
      1,
      2,
      0,
      0,
      0,
      length,
    ]
    const bytes = Buffer.concat([Buffer.from(header(head.length)), Buffer.from(head + body)])
    assert.deepEqual(Buffer.from(encodeEnvelope({ ...ENVELOPE, ...change })), bytes)
    const later = head.replace('}', ',"later":[1]}')
    const read = decodeEnvelope(Buffer.concat([Buffer.from(header(later.length)), Buffer.from(later + body)]))
    assert.ok(read !== undefined, head)
    assert.deepEqual(read, decodeEnvelope(bytes))
  }
})

test('every envelope comes back as it was, with JSON as its text, with bytes, and with nothing', () => {
  const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }).filter((text) => fitsName(text))
  const payload = fc.oneof(
    fc.json().map((text) => new JsonText(text)),
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    fc.constant(undefined),
  )
  const envelope = fc.record(
    {
      kind: fc.constantFrom<Envelope['kind'][]>(
        'broadcast',
        'push',
        'disconnect',
        'lane',
        'info',
        'dismissal',
      ),
      node: name,
      run: fc.nat({ max: 2 ** 48 - 1 }),
      sequence: fc.nat({ max: 2 ** 48 - 1 }),
      topic: name,
      event: name.filter((event) => !isReservedEvent(event)),
      connectionId: fc.option(fc.string(), { nil: undefined }),
      connectionTopic: fc.option(fc.string(), { nil: undefined }),
      payload,
    },
    { noNullPrototype: true },
  )
  fc.assert(
    fc.property(envelope, (given) => {
      assert.deepEqual(decodeEnvelope(encodeEnvelope(given)), given)
    }),
    { numRuns: 300 },
  )
})

/** An envelope with this body, which no sender would write. */
function forged(change: Partial<Envelope>, body: Uint8Array | string = '1'): Uint8Array {
  const whole = encodeEnvelope({ ...ENVELOPE, kind: 'broadcast', payload: undefined, ...change })
  return Buffer.concat([whole, Buffer.from(body)])
}

test('X11: a body that is not one JSON value in UTF-8, or nested too deeply, is not understood: it would end up in frames', () => {
  assert.ok(decodeEnvelope(forged({}, '{"a":[1]}')))
  const bodies = ['{', '1 2', '"\n"x', '\ufeff1', `${'['.repeat(501)}${']'.repeat(501)}`, '1,"x",{}]']
  for (const body of bodies) assert.equal(decodeEnvelope(forged({}, body)), undefined, body)
  assert.equal(decodeEnvelope(forged({}, Buffer.of(0x22, 0xc3, 0x28, 0x22))), undefined, 'not UTF-8')
})

test('X11: names that no topic and no event can have, and events of the protocol, are not understood', () => {
  for (const topic of ['', 'x'.repeat(256)]) assert.equal(decodeEnvelope(forged({ topic })), undefined)
  for (const event of [
    '',
    'x'.repeat(256),
    'phx_close',
    'phx_reply',
    'presence_diff',
    'heartbeat',
    '$resume',
  ])
    assert.equal(decodeEnvelope(forged({ event })), undefined, event)
  for (const node of ['', '\ud800', 'x'.repeat(256)])
    assert.equal(decodeEnvelope(forged({ node })), undefined)
  const dismissal = { kind: 'dismissal', connectionTopic: 'u' } as const
  for (const event of ['\ud800', 'x'.repeat(256)])
    assert.equal(decodeEnvelope(forged({ ...dismissal, event }, '')), undefined, 'a reason')
  for (const event of ['', 'x'.repeat(255)]) assert.ok(decodeEnvelope(forged({ ...dismissal, event }, '')))
})

test('bytes that are no envelope are not understood, and nothing throws', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      assert.equal(decodeEnvelope(bytes), undefined)
    }),
  )
})

test('an envelope with one byte of its header changed, or cut short, throws nothing', () => {
  const good = encodeEnvelope(ENVELOPE)
  fc.assert(
    fc.property(fc.nat({ max: good.length - 1 }), fc.nat({ max: 255 }), (at, byte) => {
      const bytes = Uint8Array.from(good)
      bytes[at] = byte
      decodeEnvelope(bytes)
      decodeEnvelope(good.subarray(0, at))
    }),
  )
  assert.equal(decodeEnvelope(good.subarray(0, 17)), undefined)
  const newer = Uint8Array.from(good)
  newer[0] = 3
  assert.equal(decodeEnvelope(newer), undefined)
})

test('an envelope is read from the middle of a larger buffer', () => {
  const good = encodeEnvelope({ ...ENVELOPE, payload: Buffer.of(7, 8) })
  const larger = Buffer.concat([Buffer.alloc(5), good, Buffer.alloc(5)])
  const view = new Uint8Array(larger.buffer, larger.byteOffset + 5, good.length)
  assert.deepEqual(decodeEnvelope(view)?.payload, Buffer.of(7, 8))
})

test('a payload that is no JSON throws at the sender', () => {
  const cycle: Record<string, unknown> = {}
  cycle.self = cycle
  assert.throws(() => encodeEnvelope({ ...ENVELOPE, payload: cycle }), { code: 'BERYL_ERR_PAYLOAD_INVALID' })
  assert.throws(() => encodeEnvelope({ ...ENVELOPE, payload: 1n }), { code: 'BERYL_ERR_PAYLOAD_INVALID' })
})
