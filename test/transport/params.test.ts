import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseParams } from '../../src/transport/handshake.ts'
import { hasHeader, tokenIn, urlWithoutToken } from '../../src/transport/longpoll/asked.ts'

test('W11 a query without brackets is read as URLSearchParams reads it, the last of equal names counts', () => {
  const part = fc.string({ unit: fc.constantFrom('a', 'b', '=', '&', ';', '.', 'é', '-', '_', '~') })
  fc.assert(
    fc.property(fc.oneof(part, fc.constant('vsn=2.0.0')), (query) => {
      assert.deepEqual({ ...parseParams(`/socket?${query}`) }, Object.fromEntries(new URLSearchParams(query)))
    }),
  )
})

test('W11 what is escaped, spaced or nested is read, too', () => {
  const read = (query: string): unknown => JSON.parse(JSON.stringify(parseParams(`/socket?${query}`)))
  assert.deepEqual(read('a%20b=c+d&e=%3D'), { 'a b': 'c d', e: '=' })
  assert.deepEqual(read('a[b]=1&l[]=1&l[]=2&c%5Bd%5D=3'), { a: { b: '1' }, l: ['1', '2'], c: { d: '3' } })
  assert.throws(() => read('a=%E9'), { name: 'BadRequest', statusCode: 400 })
})

test('W11 every name is an ordinary one, and no more than 200 are nested', () => {
  for (const query of ['', '?vsn=2.0.0', '?a=1', '?__proto__=1', '?a[b]=1'])
    assert.equal(Object.getPrototypeOf(parseParams(`/socket${query}`)), null)
  const query = Array.from({ length: 300 }, (_, n) => `a${n}[]=1`).join('&')
  assert.equal(Object.keys(parseParams(`/socket?${query}`)).length, 200)
})

test('W116 the last parameter named token is the one that is read, and the rest of the query stays', () => {
  const part = fc.constantFrom('token=', 'token', 'a', '=', '&', '?', ';', '&token=')
  const query = fc.array(part, { maxLength: 10 }).map((parts) => parts.join(''))
  fc.assert(
    fc.property(fc.constantFrom('?', ';'), query, (begin, query) => {
      const request = { headers: {}, rawHeaders: [], url: `/socket/longpoll${begin}${query}` } as never
      const [token, rest] = [tokenIn(request), urlWithoutToken(request)]
      const params = query.split('&')
      const last = params.findLastIndex((param) => param.startsWith('token='))
      assert.equal(token, params[last]?.slice('token='.length) ?? '')
      const others = params.filter((param, index) => index !== last && param !== '')
      const path = `/socket/longpoll${begin}`
      assert.equal(rest.slice(0, path.length), path)
      assert.deepEqual(rest.slice(path.length).split('&').filter(Boolean), others)
    }),
  )
})

test('W115 a header is found however its name is written, and no value is taken for one', () => {
  const name = fc.constantFrom('origin', 'Origin', 'ORIGIN', 'accept', 'origins', 'host')
  const value = fc.constantFrom('origin', 'x', '')
  fc.assert(
    fc.property(fc.array(fc.tuple(name, value), { maxLength: 6 }), (headers) => {
      const request = { rawHeaders: headers.flat() } as never
      const expected = headers.some(([given]) => given.toLowerCase() === 'origin')
      assert.equal(hasHeader(request, 'origin'), expected)
    }),
  )
})
