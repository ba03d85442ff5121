import assert from 'node:assert/strict'
import { Writable } from 'node:stream'
import { type TestContext, test } from 'node:test'
import Fastify, { type FastifyInstance } from 'fastify'
import { beryl, defineChannel } from 'fastify-beryl'
import { connect } from 'fastify-beryl/testing'
import { Type } from 'typebox'
import { samplesOf } from './samples.ts'

// docs/troubleshooting.md: what the log shows of a channel that crashes again and again.

type Line = Record<string, unknown> & { readonly err?: Record<string, unknown> }

const [sample] = samplesOf('docs/troubleshooting.md').filter(({ language }) => language === 'json')
const shown: Line = JSON.parse(sample?.code ?? '')

const crashing = defineChannel('room:*', {
  schema: {
    in: {
      say: Type.Object({}),
      echo: { payload: Type.Object({}), reply: Type.Object({ body: Type.String() }) },
    },
    out: { said: Type.Object({}) },
  },
  join: () => ({ assigns: { user: undefined as { name: string } | undefined } }),
  joined(socket) {
    if (socket.topicId === '1') (socket.assigns.user as { name: string }).name = 'ada'
  },
  in: {
    say(_, socket) {
      if (socket.topicId !== 'out') throw new Error('always')
      socket.broadcast('said', {})
    },
    echo: () => ({ body: 1 }) as never,
  },
  intercept: {
    said() {
      throw new Error('always')
    },
  },
})

/** An application, and the crashes in its log. */
async function logged(t: TestContext): Promise<{ app: FastifyInstance; crashes: Line[] }> {
  const crashes: Line[] = []
  const stream = new Writable({
    write(line, _, done) {
      const fields: Line = JSON.parse(String(line))
      if (fields.msg === 'channel crashed') crashes.push(fields)
      done()
    },
  })
  const app: FastifyInstance = Fastify({ logger: { stream } })
  t.after(() => app.close())
  await app.register(beryl, { channels: [crashing] })
  return { app, crashes }
}

test('a joined that throws logs the line that the page shows, at each join', async (t) => {
  const { app, crashes } = await logged(t)
  for (const _ of [1, 2]) {
    const channel = await (await connect(app)).join('room:1')
    await channel.expectError()
  }
  assert.equal(crashes.length, 2)
  for (const { time, pid, hostname, ...line } of crashes) {
    assert.deepEqual(Object.keys(line), Object.keys(shown))
    assert.deepEqual([line.level, line.topic, line.event], [shown.level, shown.topic, shown.event])
    assert.deepEqual(Object.keys(line.err ?? {}), Object.keys(shown.err ?? {}))
  }
})

for (const [topic, push, event] of [
  ['room:2', 'say', 'say'],
  ['room:out', 'say', 'said'],
  ['room:2', 'echo', 'echo'],
]) {
  test(`a crash of ${event} is logged with its name`, async (t) => {
    const { app, crashes } = await logged(t)
    const channel = await (await connect(app)).join(String(topic))
    channel.push(String(push), {})
    await channel.expectError()
    assert.equal(crashes[0]?.event, event)
    if (event === 'echo') assert.equal(crashes[0]?.err?.code, 'BERYL_ERR_PAYLOAD_INVALID')
  })
}
