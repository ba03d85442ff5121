import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FastifyInstance } from 'fastify'
import { connect } from 'fastify-beryl/testing'
import { extractSamples, importSample } from './samples.ts'

test('the two entrances of docs/entrances.md: one for everybody, one for those who moderate', async (t) => {
  const { folder } = extractSamples('entrances')
  const { app } = (await importSample(folder, 'server.ts')) as { app: FastifyInstance }
  t.after(() => app.close())
  const path = '/admin/socket'
  const office = { 'x-office': 'yes' }
  await assert.rejects(connect(app, { path }), { statusCode: 401 })
  await assert.rejects(connect(app, { path, headers: office }), { statusCode: 403, reason: 'connect' })
  const guest = await (await connect(app)).join('room:1')
  const moderator = await connect(app, { path, headers: office, authToken: 'of a moderator' })
  const desk = await moderator.join('room:1')
  desk.push('announce', { body: 'hello' })
  await guest.expectPush('said', { body: 'HELLO' })
  guest.push('say', { body: 'hi' })
  await desk.expectPush('said', { body: 'hi' })
})
