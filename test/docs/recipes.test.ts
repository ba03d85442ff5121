import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import type { FastifyInstance } from 'fastify'
import { connect } from 'fastify-beryl/testing'
import { createServer, type UserConfig } from 'vite'
import { ClientServer } from '../clients/server.ts'
import { Program } from '../deployment/program.ts'
import { visitor } from '../deployment/visitor.ts'
import { extractSamples, importSample, root, writeProject } from './samples.ts'

// The recipes of docs/recipes.md that do not run by themselves.

const { folder } = extractSamples('recipes')

test('Vite serves the page with phoenix.js, and hands the socket on to the server', async (t) => {
  const server = new ClientServer()
  await server.start()
  t.after(() => server.stop())
  const { default: config } = (await importSample(folder, 'vite.config.ts')) as { default: UserConfig }
  const proxy = { '/socket': { ...socketProxyOf(config), target: `http://${server.origin}` } }
  const vite = await createServer({
    root: folder,
    configFile: false,
    logLevel: 'silent',
    server: { host: '127.0.0.1', port: 0, proxy, watch: null },
  })
  await vite.listen()
  t.after(() => vite.close())
  const address = vite.httpServer?.address()
  assert.ok(address && typeof address === 'object')
  const { port } = address
  const page = await fetch(`http://127.0.0.1:${port}/main.js`)
  assert.match(await page.text(), /from "\/.*phoenix/, 'the import leads to the package')
  const client = visitor({ from: '127.0.0.1', origin: `http://127.0.0.1:${port}` })
  t.after(() => client.disconnect())
  await client.connect(`ws://127.0.0.1:${port}/socket`)
  assert.equal((await client.join('room:lobby', { name: 'ada' })).status, 'ok')
})

function socketProxyOf({ server }: UserConfig): object {
  const proxy = server?.proxy?.['/socket']
  assert.ok(typeof proxy === 'object' && proxy.target === 'http://localhost:3000')
  return proxy
}

test('@fastify/autoload loads a feature with its channel, its route and its line for the type checker', async (t) => {
  // Set by `npx tsx` itself, and not by `node --import tsx`.
  process.env.FASTIFY_AUTOLOAD_TYPESCRIPT = '1'
  const { app } = (await importSample(folder, 'app.ts')) as { app: FastifyInstance }
  t.after(() => app.close())
  const ada = await (await connect(app)).join('board:1')
  await app.inject({ method: 'POST', url: '/boards/1/close' })
  assert.deepEqual(await ada.expectPush('closed'), { by: 'an operator' })
})

test('a provider of NestJS publishes to a channel, and SIGTERM drains', async (t) => {
  const project = writeProject(folder, { name: 'tsconfig.nest.json', runs: true })
  const command = [process.execPath, '--import', 'tsx', join(folder, 'nest.ts')]
  const nest = new Program(t, command, { cwd: root, env: { PORT: '0', TSX_TSCONFIG_PATH: project } })
  const [, address = ''] = await nest.line(/^listening at http:\/\/(\S+)$/)
  const client = visitor({ from: '127.0.0.1' })
  t.after(() => client.disconnect())
  await client.connect(`ws://${address}/socket`)
  await client.join('news:local')
  await fetch(`http://${address}/news/local/rain`, { method: 'POST' })
  assert.deepEqual(await client.next('news:local published'), { title: 'rain' })
  nest.signal('SIGTERM')
  assert.equal(await client.next('close'), 1012)
  await nest.exited
})

test('CommonJS requires the package', async (t) => {
  const program = new Program(t, [process.execPath, '--import', 'tsx', join(folder, 'server.cjs')], {
    cwd: root,
    env: { PORT: '0' },
  })
  const [, address = ''] = await program.line(/^http:\/\/(\S+)$/)
  const client = visitor({ from: '127.0.0.1' })
  t.after(() => client.disconnect())
  await client.connect(`ws://${address}/socket`)
  await client.join('echo')
  assert.deepEqual((await client.push('echo', 'say', { body: 'hi' })).response, { body: 'hi' })
  program.signal('SIGTERM')
  assert.deepEqual(await program.exited, { code: 0, signal: null })
})
