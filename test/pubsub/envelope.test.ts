import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeEnvelope, type Envelope, encodeEnvelope } from '../../src/pubsub/envelope.ts'

const ENVELOPE: Envelope = {
  kind: 'push',
  node: 'n',
  run: 3,
  sequence: 258,
  topic: 't',
  event: 'e',
  connectionId: 'n.1',
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

test('every envelope comes back as it was, with JSON, with bytes, and with nothing', () => {
  const payload = fc.oneof(
    fc.json().map((text) => JSON.parse(text)),
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    fc.constant(undefined),
  )
  const envelope = fc.record(
    {
      kind: fc.constantFrom<Envelope['kind'][]>('broadcast', 'push', 'disconnect', 'lane'),
      node: fc.string(),
      run: fc.nat({ max: 2 ** 48 - 1 }),
      sequence: fc.nat({ max: 2 ** 48 - 1 }),
      topic: fc.string({ unit: 'grapheme' }),
      event: fc.string(),
      connectionId: fc.option(fc.string(), { nil: undefined }),
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
