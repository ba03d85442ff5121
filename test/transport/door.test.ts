import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import Fastify from 'fastify'
import { WebSocket } from 'ws'
import { beryl, type Connection } from '../../src/index.ts'
import { checkVersions } from '../../src/transport/websocket/versions.ts'

for (const [how, options, headers, ip] of [
  ['without a proxy', {}, {}, ''],
  ['with a trusted proxy', { trustProxy: true }, { 'x-forwarded-for': '192.0.2.7' }, '192.0.2.7'],
] as const) {
  test(`over a Unix socket ${how} the address is "${ip}", and only who has one is counted by it`, async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'beryl-'))
    t.after(() => rm(folder, { recursive: true }))
    const path = join(folder, 'socket')
    const app = Fastify(options)
    t.after(() => app.close())
    const seen: Connection[] = []
    await app.register(beryl, {
      limits: { connectionsPerIp: 1 },
      connectionTopic: (connection) => void seen.push(connection),
    })
    await app.listen({ path })
    const url = `ws+unix:${path}:/socket/websocket?vsn=2.0.0`
    const first = new WebSocket(url, { headers })
    t.after(() => first.terminate())
    await once(first, 'open')
    const second = new WebSocket(url, { headers })
    t.after(() => second.terminate())
    const outcome = await Promise.race([
      once(second, 'open').then(() => 101),
      once(second, 'unexpected-response').then(([, response]) => response.statusCode as number),
    ])
    assert.equal(outcome, ip === '' ? 101 : 429)
    assert.equal(seen[0]?.ip, ip)
  })
}

for (const [name, value] of [
  ['prefix', '/api'],
  ['logLevel', 'warn'],
  ['logSerializers', {}],
] as const) {
  test(`the option ${name} of register, which would be ignored, is refused`, async () => {
    const app = Fastify()
    await assert.rejects(async () => app.register(beryl, { [name]: value }), {
      code: 'BERYL_ERR_OPTION_INVALID',
      message: new RegExp(`^option '${name}': wanted nothing here: .*, got `),
    })
  })
}

for (const options of [
  {},
  { useSemicolonDelimiter: true },
  { routerOptions: { useSemicolonDelimiter: true } },
]) {
  for (const mark of ['?', ';']) {
    test(`the query begins where Fastify says, at "${mark}" with ${JSON.stringify(options)}, and is not logged`, async (t) => {
      const lines: string[] = []
      const app = Fastify({
        ...(options as object),
        logger: { stream: { write: (line: string) => void lines.push(line) } },
      })
      t.after(() => app.close())
      const seen: unknown[] = []
      await app.register(beryl, { connect: ({ params }) => ({ assigns: { n: seen.push({ ...params }) } }) })
      const { statusCode } = await app.inject(`/socket/websocket${mark}vsn=2.0.0&token=secret`)
      const isQuery = mark !== ';' || Object.keys(options).length > 0
      assert.equal(statusCode, isQuery ? 426 : 404)
      if (isQuery) assert.deepEqual(seen, [{ vsn: '2.0.0', token: 'secret' }])
      if (isQuery) assert.equal(lines.join().includes('secret'), false)
    })
  }
}

test('a bundle of CommonJS runs', { timeout: 60_000 }, async (t) => {
  const folder = await mkdtemp(join(fileURLToPath(new URL('.', import.meta.url)), '.bundle-'))
  t.after(() => rm(folder, { recursive: true }))
  const entry = join(folder, 'app.ts')
  await writeFile(
    entry,
    `import Fastify from 'fastify'
    import { beryl } from '../../../src/index.ts'
    const app = Fastify()
    app.register(beryl).ready(async (error) => {
      console.log(error ?? (await app.inject('/socket/websocket')).statusCode)
      await app.close()
    })`,
  )
  const outfile = join(folder, 'app.cjs')
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    logLevel: 'silent',
  })
  const { stdout } = await promisify(execFile)(process.execPath, [outfile])
  assert.equal(stdout.trim(), '426')
})

test('Bun, which puts its own ws in place, is named with what to do', () => {
  assert.throws(() => checkVersions({}, () => undefined, '1.3.0'), {
    code: 'BERYL_ERR_DEPENDENCY',
    message: /^ws of Bun 1\.3\.0 \(which puts its own .*: run the server with Node\.js\)/,
  })
})
