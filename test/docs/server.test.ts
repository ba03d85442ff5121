import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import Fastify from 'fastify'
import { beryl } from 'fastify-beryl'
import { Channels } from '../../src/node/channels.ts'
import { root } from './samples.ts'

const page = readFileSync(join(root, 'docs/server.md'), 'utf8')

test('docs/server.md has a row for each member of app.channels, and no others', () => {
  const documented = [...page.matchAll(/^\| `(\w+)(?:\(.*?\))?` \| \S/gm)].map(([, name]) => name)
  const members = Object.getOwnPropertyNames(Channels.prototype).filter((name) => name !== 'constructor')
  const states = ['starting', 'running', 'degraded', 'failed']
  assert.deepEqual(documented.filter((name) => !states.includes(name ?? '')).sort(), members.sort())
})

test('docs/server.md names each part of the status', async (t) => {
  const app = Fastify()
  t.after(() => app.close())
  await app.register(beryl)
  await app.ready()
  const [row = ''] = /^\| `status\(\)` .*$/m.exec(page) ?? []
  for (const part of Object.keys(app.channels.status())) assert.ok(row.includes(`\`${part}\``), part)
})
