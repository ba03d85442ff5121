import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  binaryFrame,
  type Frame,
  framePayload,
  isBinaryFrame,
  payloadStart,
  splitFrames,
  textFrame,
  textFrameAround,
} from '../../src/protocol/frame.ts'
import { bytes } from './bytes.ts'

test('a text frame is final and unmasked: 81, the length, the text', () => {
  assert.deepEqual(textFrame('hi'), bytes('81 02 "hi"'))
  assert.deepEqual(textFrame(''), bytes('81 00'))
})

test('a binary frame begins with 82 and has room for its payload', () => {
  const frame = binaryFrame(3)
  frame.set([1, 2, 255], payloadStart(frame))
  assert.deepEqual(frame, bytes('82 03 0102ff'))
})

test('a length counts bytes, not characters', () => {
  assert.deepEqual(textFrame('é☃😀'), bytes('81 09 "é☃😀"'))
})

for (const { length, head } of [
  { length: 125, head: '81 7d' },
  { length: 126, head: '81 7e 007e' },
  { length: 127, head: '81 7e 007f' },
  { length: 65_535, head: '81 7e ffff' },
  { length: 65_536, head: '81 7f 0000000000010000' },
  { length: 1_000_000, head: '81 7f 00000000000f4240' },
]) {
  test(`a payload of ${length} bytes has the head ${head}`, () => {
    const frame = textFrame('x'.repeat(length))
    const start = payloadStart(frame)
    assert.deepEqual(frame.subarray(0, start), bytes(head))
    assert.equal(frame.length, start + length)
    assert.equal(framePayload(frame).toString(), 'x'.repeat(length))
  })
}

test('a frame in pieces, around text that is bytes already, is that of the whole text', () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 200 })
  const property = fc.property(text, text, text, fc.nat(700), (head, middle, tail, times) => {
    const long = middle.repeat(times)
    assert.deepEqual(textFrameAround(head, Buffer.from(long), tail).whole, textFrame(head + long + tail))
  })
  fc.assert(property)
})

test('the kind of a frame is told from its first byte', () => {
  assert.equal(isBinaryFrame(binaryFrame(0)), true)
  assert.equal(isBinaryFrame(textFrame('')), false)
})

test('the payload of a frame is a view of it', () => {
  const frame = textFrame('hi')
  framePayload(frame)[0] = 0x48
  assert.equal(framePayload(frame).toString(), 'Hi')
})

test('frames that were joined come apart again, whatever their lengths', () => {
  const length = fc.oneof(fc.nat(130), fc.constantFrom(125, 126, 65_535, 65_536, 70_000))
  fc.assert(
    fc.property(fc.array(fc.tuple(length, fc.boolean()), { maxLength: 6 }), (wanted) => {
      const frames = wanted.map(([size, isText]) =>
        isText ? textFrame('t'.repeat(size)) : filled(binaryFrame(size)),
      )
      assert.deepEqual([...splitFrames(Buffer.concat(frames))], frames)
    }),
    { numRuns: 60 },
  )
})

function filled(frame: Frame): Frame {
  return frame.fill(7, payloadStart(frame))
}
