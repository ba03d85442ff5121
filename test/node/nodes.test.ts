import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { defineChannel } from 'fastify-beryl'
import { connect, memoryNetwork } from 'fastify-beryl/testing'
import { Type } from 'typebox'
import { type Served, serve } from './lab.ts'

const room = defineChannel('room:*', {
  schema: {
    join: Type.Object({ name: Type.String() }),
    in: { hush: Type.Object({ n: Type.Integer() }) },
    out: { said: Type.Object({ n: Type.Integer() }) },
    presence: Type.Object({}),
  },
  join: ({ payload }) => ({ assigns: payload }),
  joined: (socket) => socket.presence.track(socket.assigns.name, {}),
  in: { hush: (payload, socket) => socket.broadcastFrom('said', payload) },
})

/** Two nodes on one network, each with one client in room:1. */
async function twoNodes(t: TestContext) {
  const network = memoryNetwork()
  const make = (): Promise<Served> =>
    serve(t, {
      channels: [room],
      pubsub: network.adapter(),
      connectionTopic: () => 'user:1',
    })
  const [here, there] = [(await make()).app, (await make()).app]
  const [ada, bob] = [await connect(here), await connect(there)]
  const atAda = await ada.join(room, 'room:1', { name: 'ada' })
  const atBob = await bob.join(room, 'room:1', { name: 'bob' })
  return { network, here, there, ada, bob, atAda, atBob }
}

test('a broadcast of one node reaches the clients and the listeners of all, once', async (t) => {
  const { here, there, atAda, atBob } = await twoNodes(t)
  const heard: unknown[] = []
  there.channels.subscribe('room:1', ({ event, payload }) => {
    if (event === 'said') heard.push(payload)
  })
  here.channels.broadcast('room:1', 'said', { n: 1 })
  await atAda.expectPush('said', { n: 1 })
  await atBob.expectPush('said', { n: 1 })
  await atAda.refutePush('said')
  await atBob.refutePush('said')
  assert.deepEqual(heard, [{ n: 1 }])
})

test('a client that has its join reply misses nothing that any node broadcasts from then on', async (t) => {
  const { here, bob } = await twoNodes(t)
  const late = await bob.join(room, 'room:late', { name: 'bob' })
  here.channels.broadcast('room:late', 'said', { n: 1 })
  await late.expectPush('said', { n: 1 })
})

test('broadcastFrom passes by a connection of another node, and a channel only itself', async (t) => {
  const { here, bob, atAda, atBob } = await twoNodes(t)
  here.channels.broadcastFrom(bob.id, 'room:1', 'said', { n: 1 })
  await atAda.expectPush('said', { n: 1 })
  await atBob.refutePush('said')
  atBob.push('hush', { n: 2 })
  await atAda.expectPush('said', { n: 2 })
  await atBob.refutePush('said')
})

test('a local broadcast stays on its node', async (t) => {
  const { here, atAda, atBob } = await twoNodes(t)
  here.channels.localBroadcast('room:1', 'said', { n: 1 })
  await atAda.expectPush('said')
  await atBob.refutePush('said')
})

test('a push reaches a connection of another node, and nobody where that has not joined the topic', async (t) => {
  const { here, ada, bob, atAda, atBob } = await twoNodes(t)
  here.channels.push(bob.id, 'room:1', 'said', { n: 1 })
  await atBob.expectPush('said', { n: 1 })
  await atAda.refutePush('said')
  here.channels.push(bob.id, 'room:2', 'said', { n: 2 })
  here.channels.push('nobody.1', 'room:1', 'said', { n: 3 })
  await bob.refuteMessage({ event: 'said' })
  await ada.refuteMessage({ event: 'said' })
})

test('disconnect closes the connections of all nodes', async (t) => {
  const { here, ada, bob } = await twoNodes(t)
  here.channels.disconnect('user:1')
  for (const client of [ada, bob]) await client.expectClosed(1001)
})

test('the clients of all nodes see each other come and go', async (t) => {
  const { ada, atAda, atBob } = await twoNodes(t)
  await atAda.expectPresence('bob')
  await atBob.expectPresence('ada')
  await ada.drop()
  await atBob.expectAbsence('ada')
})

test('a node out of reach of the others is degraded, serves its own clients, and recovers', async (t) => {
  const { network, here, ada, atAda, atBob } = await twoNodes(t)
  network.cut()
  assert.equal(here.channels.status().state, 'degraded')
  here.channels.broadcast('room:1', 'said', { n: 1 })
  await atAda.expectPush('said', { n: 1 })
  await atBob.refutePush('said')
  await (await connect(here)).join(room, 'room:1', { name: 'eve' })
  network.heal()
  assert.equal(here.channels.status().state, 'running')
  here.channels.broadcast('room:1', 'said', { n: 2 })
  await atBob.expectPush('said', { n: 2 })
  assert.equal(ada.closed, undefined)
})
