import assert from 'node:assert/strict'
import { test } from 'node:test'
import { originIsHost, originIsListed, parseOriginRule } from '../../src/transport/origin.ts'

const same: readonly (readonly string[])[] = [
  [
    'https://example.com',
    'HTTPS://EXAMPLE.COM',
    'https://example.com:443',
    'https://example.com.',
    'https://example.com/',
  ],
  ['http://example.com', 'Http://Example.Com:80'],
  [
    'https://bücher.example',
    'https://BÜCHER.example',
    'https://xn--bcher-kva.example',
    'https://xn--bcher-kva.example.:0443',
  ],
  ['http://[::1]:3000', 'http://[0:0:0:0:0:0:0:1]:3000', 'HTTP://[::0001]:3000'],
  ['https://a.example.com:8443', 'https://A.example.com.:8443'],
  ['capacitor://localhost', 'CAPACITOR://LOCALHOST'],
]

for (const spellings of same) {
  for (const rule of spellings) {
    for (const origin of spellings) {
      test(`${rule} of the list fits the origin ${origin}, and none of the others`, () => {
        const parsed = parseOriginRule(rule)
        assert.ok(parsed !== undefined)
        assert.equal(originIsListed(origin, [parsed]), true)
        for (const others of same.filter((each) => each !== spellings))
          for (const other of others) assert.equal(originIsListed(other, [parsed]), false, other)
      })
    }
  }
}

for (const [origin, host, fits] of [
  ['https://Example.com', 'example.com:3000', true],
  ['https://example.com', 'EXAMPLE.COM.', true],
  ['https://bücher.example', 'xn--bcher-kva.example', true],
  ['http://[::1]:80', '[0:0:0:0:0:0:0:1]:3000', true],
  ['null', 'null', false],
  ['file://', '', false],
  ['https://example.com.evil.org', 'example.com', false],
] as const) {
  test(`the origin ${origin} ${fits ? 'is' : 'is not'} that of the host "${host}"`, () =>
    assert.equal(originIsHost(origin, host), fits))
}

for (const rule of [
  'wss://example.com',
  'ws://example.com',
  'https://me@example.com',
  'https://a b',
  '*',
  '',
  'https://',
  '//example.com/path',
  '//example.com:65536',
  'example.com',
  'localhost:3000',
  '*.example.com',
  'https://a?b',
])
  test(`"${rule}" is no rule`, () => assert.equal(parseOriginRule(rule), undefined))

test('a host with a port is a rule without a scheme', () => {
  const rule = parseOriginRule('//localhost:3000')
  assert.ok(rule !== undefined)
  assert.equal(originIsListed('http://localhost:3000', [rule]), true)
  assert.equal(originIsListed('http://localhost:3001', [rule]), false)
})
