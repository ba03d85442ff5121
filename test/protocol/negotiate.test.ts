import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { codecs, negotiate } from '../../src/protocol/negotiate.ts'
import { v1 } from '../../src/protocol/v1.ts'
import { v2 } from '../../src/protocol/v2.ts'

for (const { vsn, codec } of [
  { vsn: undefined, codec: v1 },
  { vsn: '1.0.0', codec: v1 },
  { vsn: '1.0.17', codec: v1 },
  { vsn: '2.0.0', codec: v2 },
  { vsn: '2.0.1', codec: v2 },
]) {
  test(`W3 the version ${vsn ?? 'that is absent'} is spoken with ${codec.version}`, () => {
    assert.equal(negotiate(vsn), codec)
  })
}

for (const vsn of [
  '',
  '1',
  '2',
  '2.0',
  '2.1.0',
  '1.1.0',
  '0.9.0',
  '3.0.0',
  '2.0.0-rc.1',
  '2.0.0+build',
  ' 2.0.0',
  '2.0.0\n',
  '2.0.x',
  'abc',
  ['2.0.0'],
  { major: '2' },
  2,
  null,
]) {
  test(`W3 the version ${JSON.stringify(vsn)} is refused`, () => assert.equal(negotiate(vsn), undefined))
}

test('each codec stands at its index', () => {
  assert.deepEqual(
    codecs.map(({ index }) => index),
    [0, 1],
  )
})
