import { strict as assert } from 'node:assert'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { jsonParse, MAX_DEPTH, type PoisoningOptions } from '../../src/protocol/json.ts'
import { MalformedFrame, TOO_DEEP } from '../../src/protocol/message.ts'
import { v2 } from '../../src/protocol/v2.ts'

const strict: PoisoningOptions = { onProtoPoisoning: 'error', onConstructorPoisoning: 'error' }
const parse = jsonParse(strict)

function refuses(text: string, message: string, options = strict): void {
  assert.throws(
    () => jsonParse(options)(text),
    (error) => error instanceof MalformedFrame && error.message === message,
  )
}

/** True where a key of a value, at any depth, is one that could poison. */
function poisons(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  return Object.entries(value).some(
    ([key, inner]) =>
      key === '__proto__' ||
      (key === 'constructor' &&
        typeof inner === 'object' &&
        inner !== null &&
        Object.hasOwn(inner, 'prototype')) ||
      poisons(inner),
  )
}

test('W17 any JSON value is parsed as JSON.parse does, or refused for a key that poisons', () => {
  const key = fc.oneof(fc.string(), fc.constantFrom('__proto__', 'constructor', 'prototype'))
  const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 5 },
      fc.jsonValue(),
      fc.array(tie('tree'), { maxLength: 3 }),
      fc.array(fc.tuple(key, tie('tree')), { maxLength: 3 }).map((entries) => Object.fromEntries(entries)),
    ),
  }))
  const seen = { taken: 0, refused: 0 }
  fc.assert(
    fc.property(tree, (value) => {
      const text = JSON.stringify(value)
      if (poisons(JSON.parse(text))) refuses(text, 'not JSON')
      else assert.deepEqual(parse(text), JSON.parse(text))
      seen[poisons(value) ? 'refused' : 'taken']++
    }),
    { numRuns: 500, examples: [[JSON.parse('{"":{"__proto__":0}}')], [{ constructor: { prototype: 0 } }]] },
  )
  assert.ok(seen.taken > 0 && seen.refused > 2, JSON.stringify(seen))
})

for (const text of [
  '',
  ' ',
  'not json',
  '[1,2',
  '[1] x',
  '[NaN]',
  "['a']",
  '[1,]',
  '{a:1}',
  '[01]',
  '\u0000',
]) {
  test(`W16 ${JSON.stringify(text)} is not JSON`, () => refuses(text, 'not JSON'))
}

test('the parser says why a text is no JSON', () => {
  assert.throws(
    () => parse('{'),
    (error) => error instanceof MalformedFrame && error.cause instanceof SyntaxError,
  )
})

test('W16 a byte order mark is refused, within a text it is a character', () => {
  refuses('\ufeff[1]', 'a byte order mark')
  assert.deepEqual(parse('["\ufeff"]'), ['\ufeff'])
})

describe('W17 poisonous keys', () => {
  const proto = '[{"a":{"__proto__":{"admin":true}}}]'
  const constructors = '[{"constructor":{"prototype":{"admin":true}}}]'

  test('are refused by default', () => {
    refuses(proto, 'not JSON')
    refuses(constructors, 'not JSON')
    refuses('[{"\\u005f_proto__":1}]', 'not JSON')
  })

  test('are removed where Fastify is told to', () => {
    const remove = jsonParse({ onProtoPoisoning: 'remove', onConstructorPoisoning: 'remove' })
    assert.deepEqual(remove(proto), [{ a: {} }])
    assert.deepEqual(remove(constructors), [{}])
  })

  test('are kept where Fastify is told to, and poison nothing by themselves', () => {
    const ignore = jsonParse({ onProtoPoisoning: 'ignore', onConstructorPoisoning: 'ignore' })
    const [{ a }] = ignore(proto) as [{ a: object }]
    assert.deepEqual(Object.keys(a), ['__proto__'])
    assert.equal('admin' in {}, false)
  })

  test('are only those: a text that speaks of them, or a constructor without prototype, is fine', () => {
    assert.deepEqual(parse('["__proto__",{"constructor":1}]'), ['__proto__', { constructor: 1 }])
  })
})

describe('W16 half of a surrogate pair', () => {
  for (const text of [
    '["\\ud800"]',
    '["\\uDFFF"]',
    '[{"\\udc00":1}]',
    '["\\ude00\\ud83d"]',
    '[[[["a\\uD9ab"]]]]',
  ]) {
    test(`is refused: ${text}`, () => refuses(text, 'a lone surrogate'))
  }

  test('is fine with its other half', () => {
    assert.deepEqual(parse('["\\ud83d\\ude00",{"\\ud83d\\ude00":1}]'), ['😀', { '😀': 1 }])
  })

  test('is none where only its escape is escaped', () => {
    assert.deepEqual(parse('["\\\\ud800"]'), ['\\ud800'])
  })

  test('is found in any JSON that has one, and nowhere else', () => {
    const text = fc.string({ unit: fc.constantFrom('a', '\ud83d', '\ude00', '😀', '"', '\\') })
    fc.assert(
      fc.property(fc.dictionary(text, fc.array(text)), (value) => {
        // Lone surrogates are escaped by JSON.stringify: the wire can carry them in no other way.
        const json = JSON.stringify(value)
        const lone = /\p{Surrogate}/u
        const isWellFormed = !Object.entries(value)
          .flat(2)
          .some((part) => lone.test(part))
        if (isWellFormed) assert.deepEqual(parse(json), JSON.parse(json))
        else refuses(json, 'a lone surrogate')
      }),
    )
  })
})

describe('W17 the depth of a payload', () => {
  const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)
  /** The whole message counts: it is one level of its own. */
  const payloadOf = (payload: string): unknown =>
    v2.decode(Buffer.from(`["1","2","t","e",${payload}]`), false, parse).payload

  test(`is bounded: ${MAX_DEPTH} levels of the whole message`, () => {
    assert.deepEqual(payloadOf(nested(MAX_DEPTH - 1)), JSON.parse(nested(MAX_DEPTH - 1)))
    assert.equal(payloadOf(nested(MAX_DEPTH)), TOO_DEEP)
  })

  test('counts objects as well as arrays', () => {
    assert.equal(payloadOf(`${'{"a":['.repeat(300)}${']}'.repeat(300)}`), TOO_DEEP)
  })

  test('does not count what stands in strings, escaped quotes included', () => {
    for (const text of [
      '['.repeat(5_000),
      `"${nested(5_000)}`,
      `\\${nested(5_000)}`,
      `\\"${nested(5_000)}`,
    ]) {
      assert.equal(payloadOf(JSON.stringify(text)), text)
    }
  })

  test('is that of the deepest place, not of the last, nor of all together', () => {
    assert.equal(payloadOf(`[${nested(600)},1]`), TOO_DEEP)
    assert.equal((payloadOf(`[${'[],'.repeat(2_000)}1]`) as unknown[]).length, 2_001)
  })

  test('leaves everything that passes within reach of JSON.stringify', () => {
    const deepest = nested(MAX_DEPTH - 1)
    assert.equal(JSON.stringify(payloadOf(deepest)), deepest)
  })

  test('makes a message malformed where it is not the payload that is nested: an answer would repeat it', () => {
    for (const place of [0, 1, 2, 3]) {
      const parts = ['"1"', '"2"', '"t"', '"e"', '{}']
      parts[place] = nested(600)
      const message = `[${parts.join(',')}]`
      assert.throws(
        () => v2.decode(Buffer.from(message), false, parse),
        (error) => error instanceof MalformedFrame && error.message === 'nested too deeply',
      )
    }
  })
})
