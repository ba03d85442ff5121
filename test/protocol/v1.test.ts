import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { type Frame, framePayload, isBinaryFrame } from '../../src/protocol/frame.ts'
import { MalformedFrame, TOO_DEEP } from '../../src/protocol/message.ts'
import { v1 } from '../../src/protocol/v1.ts'

const decode = (text: string) => v1.decode(Buffer.from(text), false, JSON.parse)

function json(frame: Frame | undefined): unknown {
  assert.ok(frame !== undefined && !isBinaryFrame(frame))
  return JSON.parse(framePayload(frame).toString())
}

function refuses(text: string, message: string): void {
  assert.throws(
    () => decode(text),
    (error) => error instanceof MalformedFrame && error.message === message,
  )
}

test('W13 a message is an object of four fields; the join_ref is null where there is none', () => {
  assert.deepEqual(decode('{"topic":"room:1","event":"say","payload":{"a":1},"ref":"2"}'), {
    joinRef: null,
    ref: '2',
    topic: 'room:1',
    event: 'say',
    payload: { a: 1 },
  })
})

test('W13 a join_ref is read where there is one, fields beyond these are not', () => {
  const message = decode('{"topic":"t","event":"e","payload":null,"ref":null,"join_ref":"7","more":1}')
  assert.deepEqual(message, { joinRef: '7', ref: null, topic: 't', event: 'e', payload: null })
})

test('W13 a binary frame is read as text', () => {
  const data = Buffer.from('{"topic":"t","event":"e","payload":{},"ref":"1"}')
  assert.deepEqual(v1.decode(data, true, JSON.parse), v1.decode(data, false, JSON.parse))
})

test('W16 a binary frame that is not UTF-8 is malformed, not another text', () => {
  const [start, end] = ['{"topic":"t","event":"e","payload":"', '","ref":"1"}'].map((text) =>
    Buffer.from(text),
  )
  const data = Buffer.concat([start as Buffer, Buffer.of(0xc3), end as Buffer])
  assert.throws(() => v1.decode(data, true, JSON.parse), { message: 'a binary frame that is not UTF-8' })
})

for (const text of ['[null,"1","t","e",{}]', 'null', '5', '"x"', '[]']) {
  test(`W16 ${text} is not an object`, () => refuses(text, 'not an object'))
}

for (const field of ['topic', 'event', 'payload', 'ref']) {
  test(`W16 a message without ${field} is malformed, even where an object's prototype would have one`, () => {
    const message: Record<string, unknown> = { topic: 't', event: 'e', payload: {}, ref: '1' }
    delete message[field]
    refuses(JSON.stringify(message), `no ${field}`)
  })
}

test('W17 a payload that nests too deeply is replaced by a mark that no schema accepts', () => {
  const payload = '['.repeat(600) + ']'.repeat(600)
  assert.equal(decode(`{"topic":"t","event":"e","payload":${payload},"ref":"1"}`).payload, TOO_DEEP)
})

test('W13 nothing that goes out bears a join_ref; pushes and broadcasts have the ref null', () => {
  const push = { event: 'said', payload: { a: 1 }, ref: null, topic: 'room:1' }
  assert.deepEqual(json(v1.encodePush('1', 'room:1', 'said', { a: 1 })), push)
  assert.deepEqual(json(v1.encodeBroadcast('room:1', 'said', { a: 1 })), push)
})

test('W13 a reply is the event phx_reply; where there is no response it is {}', () => {
  assert.deepEqual(json(v1.encodeReply('1', '2', 'room:1', 'ok', undefined)), {
    event: 'phx_reply',
    payload: { response: {}, status: 'ok' },
    ref: '2',
    topic: 'room:1',
  })
  assert.deepEqual(json(v1.encodeReply('1', null, 'room:1', 'error', null)), {
    event: 'phx_reply',
    payload: { response: null, status: 'error' },
    ref: null,
    topic: 'room:1',
  })
})

test('W13 phx_close and phx_error have the join_ref as their ref', () => {
  assert.deepEqual(json(v1.encodeEnd(null, 't', 'phx_close', {})), {
    event: 'phx_close',
    payload: {},
    ref: null,
    topic: 't',
  })
  assert.deepEqual(json(v1.encodeEnd('7', 't', 'phx_error', { reason: 'x' })), {
    event: 'phx_error',
    payload: { reason: 'x' },
    ref: '7',
    topic: 't',
  })
})

test('W69 bytes cannot be carried', () => {
  const data = new Uint8Array([1])
  assert.equal(v1.encodePush('1', 't', 'e', data), undefined)
  assert.equal(v1.encodeReply('1', '2', 't', 'ok', data), undefined)
  assert.equal(v1.encodeBroadcast('t', 'e', data), undefined)
})

test('what is no JSON is thrown back at who sends it', () => {
  assert.throws(() => v1.encodePush('1', 't', 'e', { n: 1n }), TypeError)
})
