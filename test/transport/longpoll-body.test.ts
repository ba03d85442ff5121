import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readBody } from '../../src/transport/longpoll/body.ts'
import { check } from '../support/property.ts'

const MEBIBYTE = 1_048_576

test('W111 a binary frame may be as long as limits.payloadBytes lets it', () => {
  for (const bytes of [4 * MEBIBYTE, 32 * MEBIBYTE]) {
    const data = Buffer.alloc(bytes, 1)
    const batch = readBody(Buffer.from(data.toString('base64')), true, bytes)
    assert.ok(typeof batch !== 'number')
    assert.ok(batch.frames[0]?.data.equals(data))
  }
})

test('W113 a line is base64 as RFC 4648 has it, padded, or nothing of it is taken', (t) => {
  const strict = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
  const letter = fc.constantFrom('A', 'Q', 'z', '9', '+', '/', '=', '=', '-', '_', ' ', '!', '\u00e9', '\0')
  check(t, 3_000, fc.array(letter, { minLength: 1, maxLength: 9 }), (letters) => {
    const text = letters.join('')
    const batch = readBody(Buffer.from(text, 'latin1'), true, 1_000)
    assert.equal(typeof batch !== 'number', strict.test(text), JSON.stringify(text))
  })
})
