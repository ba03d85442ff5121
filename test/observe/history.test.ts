import assert from 'node:assert/strict'
import { test } from 'node:test'
import Fastify from 'fastify'
import { beryl, defineChannel } from 'fastify-beryl'
import { berylMetrics } from 'fastify-beryl/metrics'
import { connect, fakeClock } from 'fastify-beryl/testing'
import { Registry } from 'prom-client'
import { Type } from 'typebox'
import { ModelLog } from '../history/model-log.ts'

// All that a history reports, as telemetry and as metrics, over an engine that can be made to fail.

const room = defineChannel('room:*', {
  schema: {
    join: { payload: Type.Object({ again: Type.Optional(Type.Boolean()) }), reply: Type.Object({}) },
    out: { said: Type.Integer() },
  },
  history: { events: ['said'], size: 4 },
  join: ({ payload }) => ({ assigns: {}, reply: {}, resume: payload.again !== true }),
})

interface Position {
  readonly epoch: string
  readonly offset: number
}

test('what a history does is told, and counted: appended, read, resumed or why not, gaps, waiting, dropped', async (t) => {
  const clock = fakeClock()
  const engine = new ModelLog()
  const port = engine.adapter()
  const app = Fastify()
  t.after(() => app.close())
  await app.register(beryl, { channels: [room], pubsub: port, clock, heartbeat: { timeoutMs: false } })
  await app.register(berylMetrics, { register: new Registry(), path: '/metrics' })
  await app.ready()
  const told: string[] = []
  const { channels } = app
  const topic = 'room:1' as never
  const say = (n: number) => channels.publish(topic, 'said' as never, n as never)
  channels.onTelemetry('history.appended', ({ durationMs }, { topic, event }) => {
    assert.ok(durationMs >= 0)
    told.push(`appended ${topic} ${event}`)
  })
  channels.onTelemetry('history.read', ({ durationMs, entries }, { topic }) => {
    assert.ok(durationMs >= 0)
    told.push(`read ${topic} ${entries}`)
  })
  channels.onTelemetry('history.resumed', ({ entries }, { topic, outcome }) => {
    told.push(`resumed ${topic} ${outcome} ${entries}`)
  })
  channels.onTelemetry('history.gap', ({ channels }, { topic }) => void told.push(`gap ${topic} ${channels}`))
  channels.onTelemetry('history.dropped', ({ entries }, { topic, error }) => {
    told.push(`dropped ${topic} ${entries} ${(error as { code?: unknown }).code}`)
  })
  const news = (): string[] => told.splice(0)
  const outcomes = (): string[] => news().filter((line) => line.startsWith('resumed'))
  /** Comes, with this claim, and stays; gives its position. */
  const come = async ($resume: unknown, payload: object = {}): Promise<Position> => {
    const client = await connect(app)
    const { reply } = await client.join(room, 'room:1', { ...payload, $resume } as object)
    const { epoch, offset } = (reply as { $resume: Position }).$resume
    return { epoch, offset }
  }

  const first = await come(true)
  assert.deepEqual(news(), ['read room:1 0'])
  await say(1)
  await say(2)
  assert.deepEqual(news(), ['appended room:1 said', 'appended room:1 said'])

  await come(first)
  await come({ epoch: 'made-up', offset: 0 })
  const later = await come(true)
  await come({ ...later, offset: 1 })
  await come(first, { again: true })
  await clock.advance(200)
  const [ahead] = await Promise.all([come({ ...first, offset: 9 }), clock.advance(200)])
  for (const n of [3, 4, 5]) await say(n)
  await come(first)
  assert.deepEqual(outcomes(), [
    'resumed room:1 recovered 2',
    'resumed room:1 not_ours 0',
    'resumed room:1 below_floor 0',
    'resumed room:1 refused 0',
    'resumed room:1 ahead 0',
    'resumed room:1 trimmed 0',
  ])

  engine.failOver('topic:room:1', 3)
  await clock.advance(11_000)
  assert.deepEqual(
    news().filter((line) => line.startsWith('gap')),
    ['gap room:1 8'],
  )
  await come({ ...ahead, offset: 5 })
  assert.deepEqual(outcomes(), ['resumed room:1 epoch_over 0'])

  port.cut(true)
  channels.broadcast(topic, 'said' as never, 6 as never)
  assert.equal(channels.load().waitingEntries, 1)
  assert.match((await app.inject('/metrics')).body, /^beryl_history_waiting_entries 1$/m)
  const asking = assert.rejects(come({ ...first, offset: 9 }), /history_unavailable/)
  await clock.advance(6_000)
  await asking
  assert.deepEqual(news().sort(), [
    'dropped room:1 1 BERYL_ERR_HISTORY_UNAVAILABLE',
    'resumed room:1 unavailable 0',
  ])

  const { body } = await app.inject('/metrics')
  const counted = [...body.matchAll(/^beryl_(history_\w+(?:\{outcome="\w+"\})?) (\d+)$/gm)].map(
    ([, name, count]) => [name, Number(count)],
  )
  assert.deepEqual(Object.fromEntries(counted.filter(([name]) => name !== 'history_reads_total')), {
    history_waiting_entries: 0,
    history_appended_total: 5,
    history_gaps_total: 1,
    history_dropped_total: 1,
    ...Object.fromEntries(
      [
        'recovered',
        'not_ours',
        'below_floor',
        'refused',
        'ahead',
        'trimmed',
        'epoch_over',
        'unavailable',
      ].map((outcome) => [`history_resumes_total{outcome="${outcome}"}`, 1]),
    ),
  })
})
