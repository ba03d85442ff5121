import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import Fastify from 'fastify'
import beryl, { defineChannel, type PubSubAdapter } from 'fastify-beryl'
import { connect, fakeClock, memoryNetwork } from 'fastify-beryl/testing'
import { Type } from 'typebox'

// An adapter is foreign code: each of its calls, in each way in which it may go wrong.

const room = defineChannel('room:*', {
  schema: { out: { said: Type.Object({ n: Type.Integer() }) }, presence: Type.Object({}) },
  join: () => ({ assigns: {} }),
  joined: (socket) => socket.presence.track('k', {}),
})

const WAYS: Record<string, () => unknown> = {
  'throws an error': () => {
    throw new Error('broken')
  },
  'throws nothing': () => {
    throw undefined
  },
  rejects: () => Promise.reject(new Error('broken')),
  'rejects with nothing': () => Promise.reject(),
  'never settles': () => new Promise(() => {}),
  'gives a `then` that throws': () =>
    Object.defineProperty({}, 'then', {
      get() {
        throw new Error('broken')
      },
    }),
}

type Call = 'start' | 'stop' | 'publish' | 'subscribe' | 'unsubscribe'

/** An adapter one call of which goes wrong. The topics of the node itself are spared. */
function broken(call: Call | 'status', way: () => unknown): PubSubAdapter {
  const sound = memoryNetwork().adapter()
  const pass =
    (name: Call) =>
    (...args: readonly unknown[]): never => {
      const isSpared = name === 'subscribe' && !String(args[0]).startsWith('topic:')
      const run = sound[name] as (...args: readonly unknown[]) => never
      return call === name && !isSpared ? (way() as never) : run.apply(sound, [...args])
    }
  return {
    name: 'broken',
    get status() {
      return call === 'status' ? (way() as never) : sound.status
    },
    start: pass('start'),
    stop: pass('stop'),
    publish: pass('publish'),
    subscribe: pass('subscribe'),
    unsubscribe: pass('unsubscribe'),
  }
}

/** An application on a clock that stands still, and what was reported of the adapter. */
async function stage(t: TestContext, adapter: PubSubAdapter) {
  const clock = fakeClock()
  const app = Fastify()
  await app.register(beryl, { channels: [room], pubsub: adapter, clock, connectionTopic: () => undefined })
  const failed: string[] = []
  app.channels.onTelemetry('pubsub.failed', (_, { call }) => failed.push(call))
  const pass = async <T>(work: PromiseLike<T>): Promise<T | Error> => {
    let outcome: T | Error | undefined
    void work.then(
      (value) => (outcome = value ?? (true as T)),
      (error) => (outcome = error),
    )
    for (let second = 0; second < 60 && outcome === undefined; second++) await clock.advance(1_000)
    assert.notEqual(outcome, undefined, 'it hangs')
    return outcome as T | Error
  }
  const unhandled: unknown[] = []
  const note = (reason: unknown): void => void unhandled.push(reason)
  process.on('unhandledRejection', note)
  t.after(async () => {
    await pass(app.close())
    process.off('unhandledRejection', note)
    assert.deepEqual(unhandled, [])
  })
  return { app, clock, failed, pass }
}

for (const [how, way] of Object.entries(WAYS)) {
  for (const call of ['publish', 'unsubscribe', 'stop', 'status'] as const) {
    test(`an adapter whose \`${call}\` ${how} hurts nobody: clients are served, and the application closes`, async (t) => {
      const { app, failed, pass } = await stage(t, broken(call, way))
      const client = await connect(app)
      const one = await client.join(room, 'room:1')
      app.channels.broadcast('room:1', 'said', { n: 1 })
      await one.expectPush('said', { n: 1 })
      app.channels.disconnect('nobody')
      app.channels.subscribe('room:2', () => {})()
      assert.match(app.channels.status().state, call === 'status' ? /degraded/ : /running/)
      assert.equal(await pass(app.close()), true)
      await client.expectClosed(1012)
      const isNoticed = how !== 'never settles' || call === 'stop'
      assert.deepEqual(failed, isNoticed ? [call] : [])
    })
  }

  test(`where \`subscribe\` of the adapter ${how}, the join is refused or waits, and nobody else notices`, async (t) => {
    const { app, failed } = await stage(t, broken('subscribe', way))
    const ended = app.channels.subscribe('room:9', () => {})
    const client = await connect(app)
    const joining = client.join(room, 'room:1').then(
      () => 'joined',
      (error) => error.response.reason,
    )
    if (how === 'never settles') joining.catch(() => {})
    else assert.equal(await joining, 'join crashed')
    await client.heartbeat()
    assert.equal(app.channels.subscriberCount('room:1'), how === 'never settles' ? 1 : 0)
    assert.deepEqual(failed, how === 'never settles' ? [] : ['subscribe'])
    ended()
  })

  test(`where \`start\` of the adapter ${how}, the start of the application fails, and its end does not`, async (t) => {
    const { app, pass } = await stage(t, broken('start', way))
    const outcome = await pass(app.ready())
    assert.equal((outcome as { code?: string }).code, 'BERYL_ERR_START_FAILED')
    assert.equal(await pass(app.close()), true)
  })
}
