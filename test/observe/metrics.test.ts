import assert from 'node:assert/strict'
import { test } from 'node:test'
import Fastify, { type FastifyInstance } from 'fastify'
import { beryl } from 'fastify-beryl'
import { berylMetrics } from 'fastify-beryl/metrics'
import { connect } from 'fastify-beryl/testing'
import { Registry } from 'prom-client'
import { worker } from '../../src/supervision/index.ts'
import { Gates, makeRoom } from '../limits/stage.ts'
import { until } from '../support/until.ts'

/** The values that are served, by name and labels. */
async function scrape(app: FastifyInstance): Promise<Record<string, number>> {
  const { body, statusCode } = await app.inject('/metrics')
  assert.equal(statusCode, 200)
  const lines = body.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return Object.fromEntries(
    lines.map((line) => {
      const at = line.lastIndexOf(' ')
      return [line.slice(0, at), Number(line.slice(at + 1))]
    }),
  )
}

test('what happens is counted, and what is there is shown', async (t) => {
  const gates = new Gates()
  let crash = (): void => {}
  const app = Fastify()
  t.after(() => app.close())
  await app.register(beryl, {
    channels: [makeRoom(gates)],
    limits: { channelsPerConnection: 1 },
    children: [
      worker('feed', async ({ ready, signal }) => {
        ready()
        await new Promise((resolve, reject) => {
          crash = () => reject(new Error('crash'))
          signal.addEventListener('abort', resolve)
        })
      }),
    ],
  })
  await app.register(berylMetrics, { register: new Registry(), path: '/metrics' })
  const [client, gone] = [await connect(app), await connect(app)]
  const channel = await client.join('room:1', {})
  await assert.rejects(client.join('room:2', {}))
  await channel.push('echo', { n: 1 }).expectReply('ok')
  channel.push('say', { text: 'hi' })
  await channel.expectPush('said')
  channel.push('wait', {})
  channel.push('echo', { n: 2 })
  channel.push('echo', { n: 3 })
  await gone.close(3_999)
  await connect(app, { vsn: '3.0.0' }).catch(() => {})
  crash()
  const own = () => app.channels.status().tree?.children.find(({ id }) => id === 'app')?.children
  await until('the worker is back', () => own()?.at(-1)?.restarts === 1)
  const now = await scrape(app)
  const expected = {
    beryl_connections: 1,
    beryl_channels: 1,
    beryl_topics: 1,
    beryl_buffered_bytes: 0,
    beryl_waiting_messages: 2,
    beryl_longest_mailbox: 2,
    beryl_pending_callbacks: 1,
    'beryl_state{state="running"}': 1,
    'beryl_state{state="failed"}': 0,
    beryl_connections_opened_total: 2,
    'beryl_connections_closed_total{code="other"}': 1,
    'beryl_connections_refused_total{status="403",reason="vsn"}': 1,
    beryl_messages_total: 5,
    'beryl_messages_refused_total{reason="too many channels joined"}': 1,
    beryl_broadcasts_total: 1,
    'beryl_joins_total{outcome="ok"}': 1,
    'beryl_limits_reached_total{limit="limits.channelsPerConnection"}': 1,
    'beryl_restarts_total{child="app/feed"}': 1,
    beryl_join_seconds_count: 1,
    beryl_message_seconds_count: 2,
  }
  assert.deepEqual(Object.fromEntries(Object.keys(expected).map((name) => [name, now[name]])), expected)
  assert.ok((now['beryl_event_loop_delay_seconds{quantile="1"}'] ?? -1) >= 0)
  gates.open()
  await channel.push('echo', { n: 4 }).expectReply('ok')
  assert.equal((await scrape(app)).beryl_message_seconds_count, 6)
})

test('the clients are looked at once for each scrape, however many metrics tell of them', async (t) => {
  const app = Fastify()
  t.after(() => app.close())
  await app.register(beryl, { channels: [makeRoom(new Gates())] })
  await app.register(berylMetrics, { register: new Registry(), path: '/metrics' })
  const client = await connect(app)
  const looks = [t.mock.method(app.channels, 'load'), t.mock.method(app.channels, 'status')]
  assert.equal((await scrape(app)).beryl_channels, 0)
  await client.join('room:1', {})
  assert.equal((await scrape(app)).beryl_channels, 1)
  assert.deepEqual(
    looks.map(({ mock }) => mock.callCount()),
    [2, 2],
  )
})

test('the metrics end with the instance: its registry is as it was, and nobody measures any more', async () => {
  const register = new Registry()
  const start = async (): Promise<FastifyInstance> => {
    const app = Fastify()
    await app.register(beryl)
    await app.register(berylMetrics, { register, prefix: 'mine_' })
    await app.ready()
    return app
  }
  const first = await start()
  assert.match(await register.metrics(), /^mine_connections 0$/m)
  await first.close()
  assert.equal((await register.metrics()).trim(), '')
  await (await start()).close()
})

test('without fastify-beryl in the scope the metrics are refused', async () => {
  const app = Fastify()
  await assert.rejects(async () => app.register(berylMetrics), { code: 'BERYL_ERR_NOT_REGISTERED' })
})

test('an option that the metrics do not have is refused, also those of scopes, which they have none of', async () => {
  for (const option of ['pth', 'logLevel', 'labels']) {
    await assert.rejects(
      async () =>
        Fastify()
          .register(beryl)
          .register(berylMetrics, { [option]: '/metrics' } as object),
      {
        code: 'BERYL_ERR_OPTION_INVALID',
        message: `option '${option}': wanted one of register, prefix, path, got "${option}"`,
      },
    )
  }
})
