import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { sameRef } from '../../src/protocol/message.ts'

for (const { a, b, same } of [
  { a: '1', b: '1', same: true },
  { a: '1', b: '2', same: false },
  { a: 1, b: 1, same: true },
  { a: '1', b: 1, same: false },
  { a: null, b: null, same: true },
  { a: null, b: '', same: false },
  { a: null, b: undefined, same: false },
  { a: true, b: true, same: true },
  { a: true, b: 1, same: false },
  { a: [1, 'a'], b: [1, 'a'], same: true },
  { a: [1, 'a'], b: [1, 'b'], same: false },
  { a: { a: { b: 1 } }, b: { a: { b: 1 } }, same: true },
  { a: { a: 1 }, b: { a: '1' }, same: false },
  { a: [], b: {}, same: false },
  { a: null, b: {}, same: false },
]) {
  test(`W28 the refs ${JSON.stringify(a)} and ${JSON.stringify(b)} are ${same ? '' : 'not '}the same`, () => {
    assert.equal(sameRef(a, b), same)
    assert.equal(sameRef(b, a), same)
  })
}
