import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defineChannel } from 'fastify-beryl'
import { connect, memoryNetwork } from 'fastify-beryl/testing'
import { Type } from 'typebox'
import { serve } from '../node/lab.ts'

// Only JSON and bytes cross between nodes: code of the application has the same on the node of the sender.

interface Said {
  at: unknown
  by: string[]
}

const seen: unknown[] = []

const room = defineChannel('room:*', {
  schema: {
    out: { said: Type.Unsafe<Said>(Type.Object({ at: Type.Any(), by: Type.Array(Type.String()) })) },
  },
  join: () => ({ assigns: {} }),
  intercept: {
    said(payload) {
      seen.push(structuredClone(payload))
      payload.by.push('an intercept')
      return payload
    },
  },
})

const plain = defineChannel('plain:*', {
  schema: {
    out: { said: Type.Unsafe<Said>(Type.Object({ at: Type.Any(), by: Type.Array(Type.String()) })) },
  },
  join: () => ({ assigns: {} }),
})

const WHEN = '2026-01-01T00:00:00.000Z'

test('`intercept` and listeners have what the wire has, on the node of the sender as on the others', async (t) => {
  seen.length = 0
  const network = memoryNetwork()
  const nodes = [
    (await serve(t, { channels: [room], pubsub: network.adapter() })).app,
    (await serve(t, { channels: [room], pubsub: network.adapter() })).app,
  ] as const
  const clients = []
  for (const node of nodes)
    for (let n = 0; n < 2; n++) clients.push(await (await connect(node)).join(room, 'room:1'))
  const heard: unknown[] = []
  for (const node of nodes) node.channels.subscribe('room:1', ({ payload }) => void heard.push(payload))
  const payload: Said = { at: new Date(WHEN), by: ['ann'] }
  nodes[0].channels.broadcast('room:1', 'said', payload)
  payload.by.push('too late')
  for (const client of clients) {
    const { by } = (await client.expectPush('said')) as Said
    assert.deepEqual(by, ['ann', 'an intercept'], 'each has its own')
  }
  assert.deepEqual(seen, Array(4).fill({ at: WHEN, by: ['ann'] }))
  assert.deepEqual(heard, Array(2).fill({ at: WHEN, by: ['ann'] }))
  assert.deepEqual(payload.by, ['ann', 'too late'], 'what was sent belongs to the sender')
})

test('a listener that changes what it hears changes nothing for others', async (t) => {
  const { app } = await serve(t, { channels: [plain] })
  await app.ready()
  const heard: unknown[] = []
  for (let n = 0; n < 2; n++) {
    app.channels.subscribe('plain:1', ({ payload }) => {
      heard.push(structuredClone(payload))
      ;(payload as Said).by.push('a listener')
    })
  }
  const payload: Said = { at: 1, by: [] }
  app.channels.broadcast('plain:1', 'said', payload)
  assert.deepEqual(heard, [
    { at: 1, by: [] },
    { at: 1, by: [] },
  ])
  assert.deepEqual(payload.by, [])
})
