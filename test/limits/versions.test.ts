import assert from 'node:assert/strict'
import { test } from 'node:test'
import Fastify from 'fastify'
import fp from 'fastify-plugin'
import { beryl } from '../../src/index.ts'
import { checkVersions, isOlder } from '../../src/transport/websocket/versions.ts'

const SAFE = { options: { maxPendingAutoPongs: 60 } }

for (const [found, wanted, older] of [
  ['8.22.9', '8.23.0', true],
  ['8.23.0', '8.23.0', false],
  ['8.100.0', '8.23.0', false],
  ['9.0.0', '8.23.0', false],
  ['7.99.99', '8.23.0', true],
  ['11.3.5', '11.3.6', true],
  ['11.3.6-rc.1', '11.3.6', false],
] as const) {
  test(`${found} is ${older ? '' : 'not '}older than ${wanted}`, () =>
    assert.equal(isOlder(found, wanted), older))
}

test('what is installed is new enough', () => checkVersions(SAFE))

for (const [name, version] of [
  ['ws', '8.22.0'],
  ['@fastify/websocket', '11.3.5'],
] as const) {
  test(`${name} ${version} is refused, with the reason`, () => {
    assert.throws(
      () => checkVersions(SAFE, (each) => (each === name ? version : '99.0.0')),
      (error: Error & { code: string }) => {
        assert.equal(error.code, 'BERYL_ERR_DEPENDENCY')
        assert.match(
          error.message,
          new RegExp(`^${name} ${version} is too old: wanted \\d+\\.\\d+\\.\\d+ or newer, because `),
        )
        return true
      },
    )
  })
}

test('in a bundle, where versions are unknown, only what the server can do counts', () => {
  checkVersions(SAFE, () => undefined)
  assert.throws(() => checkVersions({ options: {} }, () => undefined), { code: 'BERYL_ERR_DEPENDENCY' })
})

test('a @fastify/websocket of the application whose own ws is too old is refused at the start', async () => {
  const old = fp(
    async (app) => {
      app.decorate('websocketServer', { options: { maxPayload: 0 }, on: () => {} } as never)
    },
    { name: '@fastify/websocket' },
  )
  const app = Fastify()
  await app.register(old)
  await assert.rejects(async () => app.register(beryl), { code: 'BERYL_ERR_DEPENDENCY' })
})
