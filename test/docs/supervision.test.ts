import assert from 'node:assert/strict'
import { type EventEmitter, once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import type { FastifyInstance } from 'fastify'
import { WebSocket } from 'ws'
import { extractSamples, importSample } from './samples.ts'

test('the price feed broadcasts, and after a failure the same clients hear the next feed', async (t) => {
  const { folder } = extractSamples('supervision')
  const { app, exchanges } = (await importSample(folder, 'server.ts')) as {
    app: FastifyInstance
    exchanges: EventEmitter[]
  }
  t.after(() => app.close())
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const socket = new WebSocket(`ws://127.0.0.1:${port}/socket/websocket?vsn=2.0.0`)
  const frames: unknown[][] = []
  socket.on('message', (data) => {
    frames.push(JSON.parse(String(data)))
    socket.emit('frame')
  })
  const next = async (event: string): Promise<unknown> => {
    for (;;) {
      const found = frames.findIndex((frame) => frame[3] === event)
      if (found >= 0) return frames.splice(found, 1)[0]?.[4]
      await once(socket, 'frame')
    }
  }
  await once(socket, 'open')
  socket.send(JSON.stringify(['1', '1', 'prices:BTC', 'phx_join', {}]))
  await next('phx_reply')

  exchanges[0]?.emit('price', 'BTC', 100)
  assert.deepEqual(await next('price'), { amount: 100 })

  exchanges[0]?.emit('error', new Error('the exchange hung up'))
  while (exchanges.length < 2) await new Promise((resolve) => setImmediate(resolve))
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(exchanges[0]?.listenerCount('price'), 0)
  exchanges[1]?.emit('price', 'BTC', 101)
  assert.deepEqual(await next('price'), { amount: 101 })
  const own = app.channels.status().tree?.children.find(({ id }) => id === 'app')
  const feed = own?.children.find(({ id }) => id === 'price-feed')
  assert.deepEqual([feed?.state, feed?.restarts], ['running', 1])
  socket.close()
})

test('the other samples of docs/supervision.md give what their comments say', async () => {
  const { folder } = extractSamples('supervision')
  assert.deepEqual({ ...((await importSample(folder, 'counter.ts')) as object) }, { count: 4, pooled: 6 })
  const { drawing } = (await importSample(folder, 'tree.ts')) as { drawing: string }
  const guide = readFileSync('docs/supervision.md', 'utf8')
  assert.ok(
    guide.includes(`
\`\`\`
${drawing}
\`\`\`
`),
    `the guide shows the drawing:
${drawing}`,
  )
})
