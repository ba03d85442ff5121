import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { PubSubAdapter } from 'fastify-beryl'
import { connect } from 'fastify-beryl/testing'
import type { Broker } from '../support/broker.ts'
import { until } from '../support/until.ts'
import { hears, isUp, node, report, room } from './cluster.ts'

/** An engine that each test starts, freezes and kills as it likes, and the adapter that speaks to it. */
export interface Engine {
  start(t: TestContext): Promise<Broker>
  adapter(url: string): PubSubAdapter
}

/** The outages that every broker's adapter survives: the broker dies, or falls silent. */
export function outages({ start, adapter }: Engine): void {
  test('X4, X8: the broker is killed under 10,000 topics and started again: local delivery goes on, nothing stale comes, all is heard again', async (t) => {
    const server = await start(t)
    const [here, there] = [await node(t, adapter(server.url)), await node(t, adapter(server.url))]
    const heard: number[] = []
    const topics = Array.from({ length: 10_000 }, (_, n) => `room:${n}`)
    for (const topic of topics)
      there.app.channels.subscribe(topic, ({ payload }) => heard.push((payload as { n: number }).n))
    const local = await (await connect(here.app)).join(room, 'room:1')
    // It is asked for behind them all.
    await (await connect(there.app)).join(room, 'room:last')
    await server.kill()
    await until('both are degraded', () => !isUp(here) && !isUp(there))
    assert.equal(here.app.channels.status().state, 'degraded')
    for (let n = 0; n < 50; n++) {
      here.app.channels.broadcast('room:1', 'said', { n })
      await local.expectPush('said', { n })
    }
    assert.equal(report(here).dropped >= 50, true)
    const late = await (await connect(there.app)).join(room, 'room:late')
    assert.equal(report(there).unconfirmed, 1)
    await server.start()
    const openedAt = performance.now()
    await until('both are up', () => isUp(here) && isUp(there))
    t.diagnostic(`${Math.round(performance.now() - openedAt)} ms until 10,000 topics were heard again`)
    assert.ok(performance.now() - openedAt < 5_000)
    assert.equal(report(there).resubscribed >= 10_000, true)
    assert.deepEqual(heard, [], 'nothing of the outage')
    for (const topic of ['room:1', 'room:5000', 'room:9999'])
      here.app.channels.broadcast(topic, 'said', { n: 7 })
    here.app.channels.broadcast('room:late', 'said', { n: 8 })
    await late.expectPush('said', { n: 8 })
    await until('they came', () => heard.length === 3)
  })

  test('X7: a broker that falls silent is found out within 20 s, and repaired within 5 s after; it is never up meanwhile', async (t) => {
    const server = await start(t)
    const [here, there] = [await node(t, adapter(server.url)), await node(t, adapter(server.url))]
    const statuses: string[] = []
    here.app.channels.onTelemetry('pubsub.status', (_, { status }) => void statuses.push(status))
    server.freeze()
    t.after(() => server.thaw())
    const frozenAt = performance.now()
    await until('both are degraded', () => !isUp(here) && !isUp(there))
    const foundMs = performance.now() - frozenAt
    assert.ok(foundMs < 20_000)
    // Long enough for several attempts to connect, which the kernel takes and nobody answers.
    await until('some attempts', () => performance.now() - frozenAt > foundMs + 3_000)
    assert.deepEqual(statuses, ['down'])
    server.thaw()
    const thawedAt = performance.now()
    await until('both are up', () => isUp(here) && isUp(there))
    const repairedMs = performance.now() - thawedAt
    assert.ok(repairedMs < 5_000)
    t.diagnostic(`found after ${Math.round(foundMs)} ms, repaired after ${Math.round(repairedMs)} ms`)
    await hears(here, there)
  })
}
