import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FrameReader, FrameTemplate, type OnFrame } from '../../bench/load/frames.ts'
import { PLACEHOLDER, payloadText } from '../../bench/load/sequence.ts'

for (const bodyBytes of [0, 100, 1_000, 70_000]) {
  test(`a template with a body of ${bodyBytes} bytes stamps the number wherever it stands`, () => {
    const push = `["1","${PLACEHOLDER}","bench:0","say",${payloadText({ bodyBytes })}]`
    const template = new FrameTemplate(push)
    const target = Buffer.alloc(2 * template.length)
    template.writeTo(target, template.writeTo(target, 0, 123_456_789), 987_654_321)
    assert.equal(unmask(target.subarray(0, template.length)), push.replaceAll(PLACEHOLDER, '123456789'))
    assert.equal(unmask(target.subarray(template.length)), push.replaceAll(PLACEHOLDER, '987654321'))
  })
}

test('the reader finds the same frames wherever the stream is cut', () => {
  const texts = ['a', '', 'b'.repeat(125), 'c'.repeat(126), 'd'.repeat(300)]
  const stream = Buffer.concat([...texts.map(serverFrame), serverFrame('e'.repeat(65_536))])
  for (const size of [1, 2, 3, 7, 128, 1_000, stream.length]) {
    const seen: string[] = []
    const onFrame: OnFrame = (_, bytes, start, end) => seen.push(bytes.toString('utf8', start, end))
    const reader = new FrameReader()
    const chunk = Buffer.alloc(size)
    const from = size < 7 ? stream.subarray(0, -65_546) : stream
    for (let at = 0; at < from.length; at += size) reader.read(chunk, from.copy(chunk, 0, at), onFrame)
    assert.deepEqual(seen.slice(0, texts.length), texts, `chunks of ${size}`)
    if (size >= 7) assert.equal(seen[texts.length]?.length, 65_536)
  }
})

function serverFrame(text: string): Buffer {
  const size = Buffer.alloc(text.length < 126 ? 0 : text.length < 65_536 ? 2 : 8)
  if (size.length === 2) size.writeUInt16BE(text.length)
  if (size.length === 8) size.writeBigUInt64BE(BigInt(text.length))
  const short = size.length === 0 ? text.length : size.length === 2 ? 126 : 127
  return Buffer.concat([Buffer.from([0x81, short]), size, Buffer.from(text)])
}

/** The text of a client's frame, as a server reads it. */
function unmask(frame: Buffer): string {
  const short = (frame[1] ?? 0) & 0x7f
  const mask = short < 126 ? 2 : short === 126 ? 4 : 10
  const payload = Buffer.from(frame.subarray(mask + 4))
  return Buffer.from(payload.map((byte, index) => byte ^ (frame[mask + (index & 3)] ?? 0))).toString()
}
