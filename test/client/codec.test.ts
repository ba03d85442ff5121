import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { type ClientMessage, clientV1, clientV2 } from '../../src/client/codec.ts'
import { framePayload } from '../../src/protocol/frame.ts'
import { v2 } from '../../src/protocol/v2.ts'

const say: ClientMessage = { joinRef: '1', ref: '2', topic: 'room:ü', event: 'say', payload: { body: 'hi' } }

test('the client room runs everywhere: of others it imports phoenix.js, types, and what bytes are', () => {
  const folder = new URL('../../src/client/', import.meta.url)
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.ts'))) {
    const code = readFileSync(new URL(file, folder), 'utf8')
      .replace(/^\s*(?:\/\/|\/?\*).*$/gm, '')
      .replace(/^(?:import|export) type [^']*from '[^']*'$/gm, '')
    assert.doesNotMatch(code, /\bBuffer\b|\bprocess\b|from '(?!\.\/|\.\.\/contract\/bytes|phoenix')/, file)
  }
})

test('a text message is JSON, an array on version 2 and an object on version 1', () => {
  assert.equal(clientV2.encode(say), '["1","2","room:ü","say",{"body":"hi"}]')
  assert.equal(clientV1.encode(say), '{"topic":"room:ü","event":"say","payload":{"body":"hi"},"ref":"2"}')
})

test('bytes go as a binary push with one length byte for each name', () => {
  const data = clientV2.encode({ ...say, payload: Uint8Array.of(9, 8) })
  assert.ok(typeof data !== 'string')
  assert.deepEqual([...data], [0, 1, 1, 7, 3, ...new TextEncoder().encode('12room:üsay'), 9, 8])
  assert.throws(() => clientV1.encode({ ...say, payload: Uint8Array.of(1) }), /version 1 .* no bytes/)
})

test('the client reads the bytes that the server writes: a push, a reply, a broadcast', () => {
  const bytes = Uint8Array.of(1, 2, 3)
  const frames = [
    v2.encodePush('1', 'room:ü', 'image', bytes),
    v2.encodeReply('1', '2', 'room:ü', 'ok', bytes),
    v2.encodeBroadcast('room:ü', 'image', bytes),
  ]
  const read = frames.map((frame) => {
    assert.ok(frame !== undefined)
    return clientV2.decode(new Uint8Array(framePayload(frame)))
  })
  assert.deepEqual(read, [
    { joinRef: '1', ref: null, topic: 'room:ü', event: 'image', payload: bytes },
    {
      joinRef: '1',
      ref: '2',
      topic: 'room:ü',
      event: 'phx_reply',
      payload: { status: 'ok', response: bytes },
    },
    { joinRef: null, ref: null, topic: 'room:ü', event: 'image', payload: bytes },
  ])
})
