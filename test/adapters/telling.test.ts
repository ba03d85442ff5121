import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import Fastify from 'fastify'
import beryl, { type PubSubAdapter } from 'fastify-beryl'
import { berylMetrics } from 'fastify-beryl/metrics'
import { nats } from 'fastify-beryl/nats'
import { redis } from 'fastify-beryl/redis'
import { connect, type FakeClock, fakeClock } from 'fastify-beryl/testing'
import { Registry } from 'prom-client'
import { BrokerAdapter } from '../../src/adapters/broker-adapter.ts'
import { ClusterDriver } from '../../src/adapters/cluster-driver.ts'
import { Relay } from '../../src/adapters/relay.ts'
import { NatsServer } from '../support/nats.ts'
import { need } from '../support/need.ts'
import { RedisServer } from '../support/redis.ts'
import { RedisCluster } from '../support/redis-cluster.ts'
import { until } from '../support/until.ts'
import { room } from './cluster.ts'
import { TestPort } from './relay-ports.ts'

// The numbers of each adapter, through an outage: `status()`, telemetry, metrics and the log tell the same.

interface Engine {
  readonly adapter: PubSubAdapter
  cut(): void | Promise<void>
  heal(): void | Promise<void>
  readonly clock?: FakeClock
}

async function tells(t: TestContext, { adapter, cut, heal, clock }: Engine): Promise<void> {
  const lines: string[] = []
  const app = Fastify({ logger: { level: 'info', stream: { write: (line) => void lines.push(line) } } })
  /** Moves the clock that stands still until the work is done. */
  const drive = async <T>(work: PromiseLike<T>): Promise<T> => {
    let isOver = clock === undefined
    const over = (): void => {
      isOver = true
    }
    work.then(over, over)
    while (!isOver) await clock?.advance(100)
    return work
  }
  t.after(() => drive(app.close()))
  await app.register(beryl, {
    channels: [room],
    pubsub: adapter,
    drain: { pauseMs: 1 },
    ...(clock && { clock }),
  })
  await app.register(berylMetrics, { register: new Registry(), path: '/metrics' })
  await drive(app.ready())
  const report = () => app.channels.status().pubsub ?? assert.fail('no pubsub')
  const wait = async (what: string, isSo: () => boolean): Promise<void> => {
    for (let s = 0; clock !== undefined && s < 60 && !isSo(); s++) await clock.advance(1_000)
    await until(what, isSo)
  }
  const told: object[] = []
  app.channels.onTelemetry('pubsub.status', (counts, { adapter, status }) => {
    told.push({ adapter, status, ...counts })
  })
  const agree = async (): Promise<void> => {
    const { body } = await app.inject('/metrics')
    const metric = (name: string): number =>
      Number(new RegExp(`^beryl_pubsub_${name} (.*)$`, 'm').exec(body)?.[1] ?? Number.NaN)
    const { status, dropped, resubscribed, refused, unconfirmed, roundTripMs, links } = report()
    assert.deepEqual(
      [
        'up',
        'dropped_total',
        'resubscribed_total',
        'refused_total',
        'unconfirmed_total',
        'round_trip_seconds',
        'links_up',
        'links_down',
      ].map(metric),
      [
        status === 'up' ? 1 : 0,
        dropped,
        resubscribed,
        refused,
        unconfirmed,
        (roundTripMs ?? Number.NaN) / 1_000,
        links?.filter(({ status }) => status === 'up').length ?? 0,
        links?.filter(({ status }) => status === 'down').length ?? 0,
      ],
    )
  }

  const before = report()
  assert.deepEqual([before.adapter, before.status, before.dropped], [adapter.name, 'up', 0])
  assert.equal(typeof before.roundTripMs, 'number')
  await agree()
  const client = await drive(connect(app))
  await drive(client.join(room, 'room:1'))
  await cut()
  await wait('it is down', () => report().status === 'down')
  app.channels.broadcast('room:1', 'said', { n: 1 })
  await drive(client.join(room, 'room:2'))
  const during = report()
  assert.ok(during.since > before.since)
  assert.ok(during.dropped >= 1)
  assert.equal(during.unconfirmed, 1)
  await agree()
  await heal()
  await wait('it is up', () => report().status === 'up')
  const after = report()
  assert.ok(after.since >= during.since)
  // The topic, that of the node, and that of all nodes.
  assert.ok(after.resubscribed >= 3)
  assert.equal(typeof after.roundTripMs, 'number')
  await agree()
  const { adapter: name, status, dropped, resubscribed, refused, roundTripMs } = after
  assert.deepEqual(told.at(-1), { adapter: name, status, dropped, resubscribed, refused, roundTripMs })
  const line = lines.map((text) => JSON.parse(text)).findLast(({ msg }) => msg === 'pubsub is up')
  assert.deepEqual(
    [line.adapter, line.dropped, line.resubscribed, line.refused, line.roundTripMs],
    [name, dropped, resubscribed, refused, roundTripMs],
  )
}

test(
  'X33: redis() tells the same in status(), telemetry, metrics and the log',
  need('redis-server'),
  async (t) => {
    const server = await RedisServer.start()
    t.after(() => server.end())
    await tells(t, {
      adapter: redis({ url: server.url }),
      cut: () => server.kill(),
      heal: () => server.start(),
    })
  },
)

test('X33: and so does redis({ sharded: true })', need('redis-server'), async (t) => {
  const cluster = await RedisCluster.start()
  t.after(() => cluster.end())
  await tells(t, {
    adapter: redis({ url: cluster.urls, sharded: true }),
    cut: () => cluster.kill(),
    heal: () => cluster.restart(),
  })
})

test('X33: and so does nats()', need('nats-server'), async (t) => {
  const server = await NatsServer.start()
  t.after(() => server.end())
  await tells(t, {
    adapter: nats({ servers: server.url }),
    cut: () => server.kill(),
    heal: () => server.start(),
  })
})

test('X33: and so does cluster(), whose primary stands still', async (t) => {
  const clock = fakeClock()
  const relay = new Relay(clock)
  const [port, primary] = TestPort.pair()
  relay.attach(primary)
  const options = { prefix: 'beryl:', connectTimeoutMs: 5_000, startDegraded: false }
  await tells(t, {
    adapter: new BrokerAdapter(new ClusterDriver(port, 'beryl:', clock), options, clock, () => 0.5),
    cut: () => {
      primary.isStopped = true
    },
    heal: () => {
      primary.goOn()
    },
    clock,
  })
})
