import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import Fastify from 'fastify'
import { beryl } from 'fastify-beryl'
import { WebSocket } from 'ws'
import { makeRoom } from '../limits/stage.ts'
import { until } from '../support/until.ts'

// An application that is made, used and closed again and again leaves nothing in its process.

async function live(): Promise<void> {
  const app = Fastify()
  await app.register(beryl, { channels: [makeRoom()] })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const socket = new WebSocket(`ws://127.0.0.1:${port}/socket/websocket?vsn=2.0.0`)
  await once(socket, 'open')
  socket.send('["1","1","room:1","phx_join",{}]')
  await once(socket, 'message')
  const closed = once(socket, 'close')
  await app.close()
  const [code] = await closed
  assert.equal(code, 1012)
}

/** Handles and timers that keep the process alive, and listeners of the process itself. */
function held(): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const name of process.getActiveResourcesInfo()) counts[name] = (counts[name] ?? 0) + 1
  for (const event of process.eventNames())
    counts[`listeners of ${String(event)}`] = process.listenerCount(event)
  return counts
}

const WARM_UP = 5
const LIVES = 200

test('200 lives of an application leave no handle, no timer and no listener of the process', {
  timeout: 120_000,
}, async () => {
  for (let life = 0; life < WARM_UP; life++) await live()
  const before = held()
  for (let life = 0; life < LIVES; life++) await live()
  // A life that was only on its way to its end before may be gone.
  const isNoMore = (): boolean =>
    Object.entries(held()).every(([name, count]) => count <= (before[name] ?? 0))
  await until(() => `${JSON.stringify(held())}, before ${JSON.stringify(before)}`, isNoMore, 10_000)
})
