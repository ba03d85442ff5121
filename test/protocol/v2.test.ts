import { strict as assert } from 'node:assert'
import { describe, test } from 'node:test'
import { type Frame, framePayload, isBinaryFrame } from '../../src/protocol/frame.ts'
import { MalformedFrame, TOO_DEEP } from '../../src/protocol/message.ts'
import { v2 } from '../../src/protocol/v2.ts'
import { bytes } from './bytes.ts'

const decode = (text: string) => v2.decode(Buffer.from(text), false, JSON.parse)
const decodeBinary = (drawn: string) => v2.decode(bytes(drawn), true, JSON.parse)

function text(frame: Frame | undefined): string {
  assert.ok(frame !== undefined && !isBinaryFrame(frame))
  return framePayload(frame).toString()
}

function binary(frame: Frame | undefined): Buffer {
  assert.ok(frame !== undefined && isBinaryFrame(frame))
  return framePayload(frame)
}

function malformed(message: string): (error: unknown) => boolean {
  return (error) => error instanceof MalformedFrame && error.message === message
}

describe('text of a client', () => {
  test('W12 is an array: join_ref, ref, topic, event, payload', () => {
    assert.deepEqual(decode('["3","7","room:42","new_msg",{"body":"hi"}]'), {
      joinRef: '3',
      ref: '7',
      topic: 'room:42',
      event: 'new_msg',
      payload: { body: 'hi' },
    })
  })

  test('W12 may have more elements, which are ignored, and whitespace anywhere', () => {
    const message = { joinRef: null, ref: '1', topic: 't', event: 'e', payload: 5 }
    assert.deepEqual(decode(' [ null,"1", "t","e" ,5, 6, [7] ]\n'), message)
  })

  test('W16 is malformed where it is no array of five', () => {
    assert.throws(() => decode('{"topic":"t"}'), malformed('not an array'))
    assert.throws(() => decode('null'), malformed('not an array'))
    assert.throws(() => decode('[]'), malformed('an array of 0, not 5'))
    assert.throws(() => decode('[1,2,3,4]'), malformed('an array of 4, not 5'))
  })

  test('W17 that nests too deeply keeps its head, so that it can be answered', () => {
    const message = decode(`["1","2","t","e",${'['.repeat(600)}${']'.repeat(600)}]`)
    assert.deepEqual({ ...message }, { joinRef: '1', ref: '2', topic: 't', event: 'e', payload: TOO_DEEP })
  })
})

describe('text of a server', () => {
  test('W45 a push has the join_ref, and null for the ref', () => {
    assert.equal(text(v2.encodePush('4', 'room:1', 'said', { a: 1 })), '["4",null,"room:1","said",{"a":1}]')
  })

  test('W32 a reply has both, and {} where there is no response', () => {
    assert.equal(
      text(v2.encodeReply('4', '6', 'room:1', 'ok', undefined)),
      '["4","6","room:1","phx_reply",{"response":{},"status":"ok"}]',
    )
    assert.equal(
      text(v2.encodeReply(null, 5, ['odd'], 'error', null)),
      '[null,5,["odd"],"phx_reply",{"response":null,"status":"error"}]',
    )
  })

  test('W63 a broadcast has neither', () => {
    assert.equal(text(v2.encodeBroadcast('room:1', 'said', [])), '[null,null,"room:1","said",[]]')
  })

  test('W42 phx_close and phx_error have the join_ref twice', () => {
    assert.equal(text(v2.encodeEnd('4', 't', 'phx_close', {})), '["4","4","t","phx_close",{}]')
    assert.equal(text(v2.encodeEnd(null, 't', 'phx_error', { a: 1 })), '[null,null,"t","phx_error",{"a":1}]')
  })
})

describe('bytes of a client', () => {
  test('W14 a push: 00, four lengths, four names, the data', () => {
    //                            kind |join_ref| |ref| |topic| |event|
    const message = decodeBinary('00   01         01    08      03      "1" "2" "room:bin" "bin" 01020300ff')
    assert.deepEqual(message, {
      joinRef: '1',
      ref: '2',
      topic: 'room:bin',
      event: 'bin',
      payload: bytes('01020300ff'),
    })
  })

  test('W15 empty names are empty strings, and empty data is fine', () => {
    const empty = { joinRef: '', ref: '', topic: '', event: '', payload: Buffer.alloc(0) }
    assert.deepEqual(decodeBinary('00 00 00 00 00'), empty)
  })

  test('W15 names are UTF-8, counted in bytes', () => {
    assert.equal(decodeBinary('00 00 00 03 04 "☃" "😀"').event, '😀')
  })

  for (const { drawn, message } of [
    { drawn: '', message: 'a binary frame without a header' },
    { drawn: '00 00 00 00', message: 'a binary frame without a header' },
    { drawn: '01 01 01 08 03 "1" "2" "room:bin" "bin" 78', message: 'binary kind 1' },
    { drawn: '02 01 01 "a" "b" 00 00', message: 'binary kind 2' },
    { drawn: 'ff 00 00 00 00', message: 'binary kind 255' },
    { drawn: '00 01 00 00 00', message: 'a binary length past the end' },
    { drawn: '00 01 01 c8 03 "1" "2" "a"', message: 'a binary length past the end' },
    { drawn: '00 00 00 00 03 "ab"', message: 'a binary length past the end' },
    { drawn: '00 01 01 02 01 "1" "1" fffe "b"', message: 'a binary header that is not UTF-8' },
    { drawn: '00 02 00 00 00 eda0', message: 'a binary header that is not UTF-8' },
  ]) {
    test(`W16 ${drawn || 'nothing'} is malformed: ${message}`, () => {
      assert.throws(() => decodeBinary(drawn), malformed(message))
    })
  }
})

describe('bytes of a server', () => {
  const data = bytes('01020300ff')

  test('W14 a push: 00, three lengths and no ref', () => {
    //                     kind |join_ref| |topic| |event|
    const drawn = bytes('  00   02         08      0a      "44" "room:bin" "bin_pushed" "abc"')
    assert.deepEqual(binary(v2.encodePush('44', 'room:bin', 'bin_pushed', Buffer.from('abc'))), drawn)
  })

  test('W14 a reply: 01, four lengths, the status in the place of the event', () => {
    //                     kind |join_ref| |ref| |topic| |status|
    const drawn = bytes('  01   01         01    08      02       "1" "2" "room:bin" "ok" 01020300ff')
    assert.deepEqual(binary(v2.encodeReply('1', '2', 'room:bin', 'ok', data)), drawn)
  })

  test('W14 a broadcast: 02, two lengths', () => {
    //                     kind |topic| |event|
    const drawn = bytes('  02   08      0d      "room:bin" "bin_broadcast" "hello"')
    assert.deepEqual(binary(v2.encodeBroadcast('room:bin', 'bin_broadcast', Buffer.from('hello'))), drawn)
  })

  test('W14 any view of bytes will do, from its own beginning to its own end', () => {
    const view = new Uint8Array([9, 1, 2, 9]).subarray(1, 3)
    assert.deepEqual(binary(v2.encodeBroadcast('t', 'e', view)), bytes('02 01 01 "t" "e" 0102'))
  })

  test('W15 refs that are no strings are written as text: null is empty', () => {
    assert.deepEqual(binary(v2.encodePush(null, 't', 'e', data)), bytes('00 00 01 01 "t" "e" 01020300ff'))
    assert.deepEqual(
      binary(v2.encodeReply(1, [2], 't', 'ok', data)),
      bytes('01 01 03 01 02 "1" "[2]" "t" "ok" 01020300ff'),
    )
  })

  test('W15 a name may have 255 bytes, and not one more', () => {
    const frame = binary(v2.encodeBroadcast('é'.repeat(127), 'e', data))
    assert.equal(frame[1], 254)
    assert.equal(binary(v2.encodeBroadcast('x'.repeat(255), 'e', data))[1], 255)
    assert.throws(() => v2.encodeBroadcast('é'.repeat(128), 'e', data), RangeError)
    assert.throws(() => v2.encodePush('x'.repeat(256), 't', 'e', data), RangeError)
  })

  test('W15 text has no such limit', () => {
    assert.equal(JSON.parse(text(v2.encodeBroadcast('x'.repeat(300), 'e', {})))[2], 'x'.repeat(300))
  })

  test('a large payload has the long head of a WebSocket frame', () => {
    const large = Buffer.alloc(70_000, 7)
    const frame = v2.encodeBroadcast('t', 'e', large) as Frame
    assert.deepEqual(frame.subarray(0, 10), bytes('82 7f 0000000000011175'))
    assert.deepEqual(binary(frame).subarray(5), large)
  })
})

test('what is no JSON is thrown back at who sends it', () => {
  const circle: Record<string, unknown> = {}
  circle.self = circle
  assert.throws(() => v2.encodePush('1', 't', 'e', circle), TypeError)
  assert.throws(() => v2.encodeBroadcast('t', 'e', { n: 1n }), TypeError)
})
