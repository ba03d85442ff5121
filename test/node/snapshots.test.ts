import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FastifyInstance } from 'fastify'
import { defineChannel } from 'fastify-beryl'
import { connect, memoryNetwork } from 'fastify-beryl/testing'
import { Type } from 'typebox'
import { serve } from './lab.ts'

// A state that all nodes read from one place, and that changes while clients join on each of them.

for (const count of [1, 3])
  for (const reader of ['snapshot', 'join'] as const)
    test(`W92 over ${count} ${count === 1 ? 'node' : 'nodes'}, a read in ${reader} ${reader === 'join' ? 'may miss' : 'misses nothing of'} what changes meanwhile`, async (t) => {
      const rows: number[] = []
      const read = async (): Promise<number[]> => {
        const state = [...rows]
        // The answer of the database is on its way.
        for (let turn = 0; turn < 5; turn++) await Promise.resolve()
        return state
      }
      const schema = { join: { reply: Type.Array(Type.Integer()) }, out: { added: Type.Integer() } }
      const rooms = {
        snapshot: defineChannel('room:*', {
          schema,
          join: async () => ({ assigns: await read() }),
          snapshot: read,
        }),
        join: defineChannel('room:*', { schema, join: async () => ({ assigns: {}, reply: await read() }) }),
      }
      const network = memoryNetwork()
      const apps: FastifyInstance[] = []
      for (let node = 0; node < count; node++) {
        const adapter = count === 1 ? {} : { pubsub: network.adapter() }
        apps.push((await serve(t, { channels: [rooms[reader]], ...adapter })).app)
      }
      const clients = await Promise.all(
        Array.from({ length: 9 }, (_, index) => connect(apps[index % count] as FastifyInstance)),
      )
      const change = (): void => {
        rows.push(rows.length)
        apps[0]?.channels.broadcast('room:1', 'added', rows.length - 1)
      }
      const known = await Promise.all(
        clients.map(async (client, index) => {
          for (let turn = 0; turn < index; turn++) await Promise.resolve()
          change()
          const joining = client.join(rooms[reader], 'room:1')
          for (let turn = 0; turn < 4; turn++) {
            change()
            await Promise.resolve()
          }
          return joining
        }),
      )
      change()
      const missed: number[][] = []
      for (const channel of known) {
        const told = new Set(channel.reply)
        for (let heard = -1; heard < rows.length - 1; told.add(heard))
          heard = await channel.expectPush('added')
        missed.push(rows.filter((row) => !told.has(row)))
      }
      if (reader === 'snapshot')
        assert.deepEqual(
          missed,
          missed.map(() => []),
        )
      else assert.ok(missed.flat().length > 0, 'as the guide says')
    })
