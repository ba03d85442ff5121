import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Frame, framePayload, isBinaryFrame } from '../../src/protocol/frame.ts'
import { jsonParse } from '../../src/protocol/json.ts'
import { type Codec, MalformedFrame, type Message } from '../../src/protocol/message.ts'
import { codecs } from '../../src/protocol/negotiate.ts'
import { v2 } from '../../src/protocol/v2.ts'

const parse = jsonParse({ onProtoPoisoning: 'error', onConstructorPoisoning: 'error' })

/** JSON that is the same after a trip: without -0, and without keys that are refused. */
const json = fc
  .jsonValue({ noUnicodeString: false })
  .map((value) => JSON.parse(JSON.stringify(value)))
  .filter((value) => !/__proto__|constructor/.test(JSON.stringify(value)))

const ref = fc.oneof(fc.constant(null), fc.stringMatching(/^\d{1,4}$/), json)
const name = fc.string({ unit: 'binary', maxLength: 40 }).filter((text) => text !== '__proto__')

const decode = (codec: Codec, frame: Frame | undefined): Message => {
  assert.ok(frame !== undefined)
  return codec.decode(framePayload(frame), isBinaryFrame(frame), parse)
}

for (const codec of codecs) {
  test(`what version ${codec.version} writes as text it reads back`, () => {
    fc.assert(
      fc.property(ref, name, name, json, (joinRef, topic, event, payload) => {
        const kept = codec === v2 ? joinRef : null
        assert.deepEqual(decode(codec, codec.encodePush(joinRef, topic, event, payload)), {
          joinRef: kept,
          ref: null,
          topic,
          event,
          payload,
        })
        assert.deepEqual(
          decode(codec, codec.encodeBroadcast(topic, event, payload)),
          decode(codec, codec.encodePush(null, topic, event, payload)),
        )
      }),
    )
  })

  test(`a reply of version ${codec.version} bears the ref of what it answers`, () => {
    fc.assert(
      fc.property(ref, ref, json, name, json, (joinRef, its, topic, status, response) => {
        assert.deepEqual(decode(codec, codec.encodeReply(joinRef, its, topic, status, response)), {
          joinRef: codec === v2 ? joinRef : null,
          ref: its,
          topic,
          event: 'phx_reply',
          payload: { response, status },
        })
      }),
    )
  })

  test(`whatever comes, version ${codec.version} reads it or finds it malformed, and throws nothing else`, () => {
    const head = fc.constantFrom(
      '',
      '[',
      '["1","1","t","e",',
      '{"topic":"t","event":"e","payload":',
      '[null,1,',
    )
    const data = fc.oneof(
      fc.uint8Array({ maxLength: 60 }).map((array) => Buffer.from(array)),
      fc.tuple(head, fc.string(), fc.json()).map((parts) => Buffer.from(parts.join(''))),
    )
    fc.assert(
      fc.property(data, fc.boolean(), (bytes, isBinary) => {
        try {
          const message = codec.decode(bytes, isBinary, parse)
          assert.deepEqual(Object.keys(message).sort(), ['event', 'joinRef', 'payload', 'ref', 'topic'])
        } catch (error) {
          assert.ok(error instanceof MalformedFrame, String(error))
        }
      }),
      { numRuns: 500 },
    )
  })
}

test('a binary push of a client is read back, name by name', () => {
  const short = fc.string({ unit: 'binary', maxLength: 60 })
  fc.assert(
    fc.property(short, short, short, short, fc.uint8Array(), (joinRef, its, topic, event, data) => {
      const names = [joinRef, its, topic, event].map((text) => Buffer.from(text))
      const head = Buffer.from([0, ...names.map(({ length }) => length)])
      const payload = Buffer.from(data)
      const message = v2.decode(Buffer.concat([head, ...names, payload]), true, parse)
      assert.deepEqual(message, { joinRef, ref: its, topic, event, payload })
    }),
  )
})

test('a binary frame with a length that lies is malformed or read within its bounds, never beyond', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.nat(80), (lengths, size) => {
      const rest = Buffer.alloc(size, 'a')
      const frame = Buffer.concat([Buffer.from([0, ...lengths]), rest])
      const named = lengths.reduce((sum, length) => sum + length, 0)
      if (named > size) assert.throws(() => v2.decode(frame, true, parse), MalformedFrame)
      else assert.equal((v2.decode(frame, true, parse).payload as Buffer).length, size - named)
    }),
  )
})
