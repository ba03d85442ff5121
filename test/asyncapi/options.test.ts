import assert from 'node:assert/strict'
import { test } from 'node:test'
import Fastify from 'fastify'
import { beryl } from 'fastify-beryl'
import { asyncapi } from 'fastify-beryl/asyncapi'
import { flawsOf, info, served } from './lab.ts'

const servers = (server: unknown, name = 'a') => ({ info, servers: { [name]: server } })

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable([], {})
  revoke()
  return proxy
}

const REFUSED: readonly (readonly [options: unknown, message: RegExp])[] = [
  [undefined, /^option 'asyncapi.info': wanted an object with title and version, got undefined$/],
  [null, /^option 'asyncapi': wanted an object with info, servers, got null$/],
  [{ info, titel: 1 }, /^option 'asyncapi.titel': wanted one of info, servers, got "titel"$/],
  [
    { info: { title: 'A' } },
    /^option 'asyncapi.info.version': wanted the version of your application's contract, got undefined$/,
  ],
  [{ info: { title: '', version: '1' } }, /^option 'asyncapi.info.title': wanted the title .*, got ""$/],
  [{ info: { title: 'A', version: 1 } }, /^option 'asyncapi.info.version': wanted a string, got 1$/],
  [
    { info: { ...info, licence: {} } },
    /^option 'asyncapi.info.licence': wanted one of title, .*, or x-…, got "licence"$/,
  ],
  [{ info: { ...info, license: 'MIT' } }, /^option 'asyncapi.info.license': wanted an object, got "MIT"$/],
  [{ info: { ...info, tags: {} } }, /^option 'asyncapi.info.tags': wanted an array, got {}$/],
  [{ info: { ...info, 'x-a': () => 1 } }, /^option 'asyncapi.info.x-a': wanted JSON, got function x-a$/],
  [
    { info: { ...info, tags: revoked() } },
    /^option 'asyncapi.info.tags': wanted an array, got an object that cannot be read$/,
  ],
  [
    { info, servers: [] },
    /^option 'asyncapi.servers': wanted servers by their names, .*, got an array of 0$/,
  ],
  [
    { info, servers: {} },
    /^option 'asyncapi.servers': wanted servers by their names, .*, or nothing here, got {}$/,
  ],
  [servers({}), /^option 'asyncapi.servers.a.host': wanted a host such as .*, got undefined$/],
  [
    servers({ host: 'wss://a' }),
    /^option 'asyncapi.servers.a.host': wanted a host such as .*, got "wss:\/\/a"$/,
  ],
  [
    servers({ host: 'a', protocol: 'https' }),
    /^option 'asyncapi.servers.a.protocol': wanted "ws" or "wss", got "https"$/,
  ],
  [
    servers({ host: 'a', pathname: '/a/' }),
    /^option 'asyncapi.servers.a.pathname': wanted a path such as .*, got "\/a\/"$/,
  ],
  [
    servers({ host: 'a', path: '/a' }),
    /^option 'asyncapi.servers.a.path': wanted one of host, .*, got "path"$/,
  ],
  [servers({ host: 'a' }, 'a b'), /^option 'asyncapi.servers.a b': wanted a name of letters, .*, got "a b"$/],
]

test('D12 wrong options are refused: field, what was wanted, what came', async (t) => {
  const app = await served(t, {})
  for (const [options, message] of REFUSED)
    assert.throws(() => asyncapi(app, options as never), { code: 'BERYL_ERR_OPTION_INVALID', message })
})

test('D12 all that AsyncAPI has for info and servers is taken, and fields of your own', async (t) => {
  const app = await served(t, {})
  const document = asyncapi(app, {
    info: {
      ...info,
      description: 'A *chat*.',
      termsOfService: 'https://example.com/terms',
      contact: { name: 'Ada', email: 'ada@example.com' },
      license: { name: 'MIT' },
      tags: [{ name: 'chat' }],
      externalDocs: { url: 'https://example.com' },
      'x-team': { on: ['call'] },
    },
    servers: {
      production: {
        host: '{region}.example.com',
        protocolVersion: '13',
        title: 'A',
        summary: 'B',
        description: 'C',
        variables: { region: { default: 'eu' } },
        tags: [{ name: 'a' }],
        'x-region': 'eu',
      },
    },
  })
  assert.deepEqual(await flawsOf(document), [])
  assert.deepEqual(document.info['x-team'], { on: ['call'] })
})

test('D12 an instance without the plugin, one that is not ready and what is none are refused with what to do', async (t) => {
  const app = Fastify()
  t.after(() => app.close())
  assert.throws(() => asyncapi(app, { info }), {
    code: 'BERYL_ERR_NOT_REGISTERED',
    message:
      'asyncapi: fastify-beryl is not registered in this scope, nor around it: await app.register(beryl, …) there before',
  })
  await app.register(beryl)
  assert.throws(() => asyncapi(app, { info }), {
    code: 'BERYL_ERR_NOT_RUNNING',
    message: /its state is starting, and this works between app.ready\(\) and app.close\(\)$/,
  })
  await app.ready()
  assert.equal(asyncapi(app, { info }).asyncapi, '3.0.0')
  for (const wrong of [undefined, null, 1, {}, { hasDecorator: () => true, channels: {} }])
    assert.throws(() => asyncapi(wrong as never, { info }), /BERYL_ERR_|asyncapi: /)
})
