import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runInNewContext } from 'node:vm'
import Fastify from 'fastify'
import beryl, { type BerylOptions, Binary, defineChannel, stop } from 'fastify-beryl'
import { type ConnectRefused, connect, memoryNetwork } from 'fastify-beryl/testing'
import { Type } from 'typebox'

// Values of another realm, as tests of Jest and contexts of node:vm have them: `instanceof` knows none of them.

const foreign = <T>(code: string): T => runInNewContext(code)
const bytes = (): Uint8Array => foreign('new Uint8Array([1, 2, 3])')
const OWN = Buffer.from([1, 2, 3])

const room = defineChannel('room:*', {
  schema: {
    in: { give: { payload: Type.Unknown(), reply: Binary() }, end: { payload: Type.Unknown() } },
    out: { told: Binary(), open: Type.Unknown() },
  },
  join: () => ({ assigns: {} }),
  in: {
    give(_, socket) {
      socket.push('told', bytes())
      socket.broadcast('told', bytes())
      socket.broadcast('open', bytes())
      return bytes()
    },
    end: () => stop(foreign<Error>('new Error("foreign")')),
  },
})

async function serve(options: BerylOptions = {}) {
  const app = Fastify()
  await app.register(beryl, { channels: [room], ...options })
  return app
}

test('bytes of another realm are bytes: in a push, a broadcast, a reply, and between nodes', async (t) => {
  const network = memoryNetwork()
  const [app, other] = [
    await serve({ pubsub: network.adapter() }),
    await serve({ pubsub: network.adapter() }),
  ]
  t.after(() => Promise.all([app.close(), other.close()]))
  const [near, far] = [
    await (await connect(app)).join(room, 'room:1'),
    await (await connect(other)).join(room, 'room:1'),
  ]
  const push = near.push('give', {})
  assert.deepEqual(Buffer.from(await push.expectReply()), OWN)
  for (const channel of [near, near, far])
    assert.deepEqual(Buffer.from(await channel.expectPush('told', bytes())), OWN)
  for (const channel of [near, far])
    assert.deepEqual(Buffer.from((await channel.expectPush('open')) as Uint8Array), OWN)
})

test('a client of the testing kit sends bytes of another realm as bytes', async (t) => {
  const heard: unknown[] = []
  const taking = defineChannel('take:*', {
    schema: { in: { take: { payload: Binary(), reply: Type.Number() } } },
    join: () => ({ assigns: {} }),
    in: { take: (payload) => heard.push(payload) },
  })
  const app = await serve({ channels: [taking] })
  t.after(() => app.close())
  const channel = await (await connect(app)).join(taking, 'take:1')
  await channel.push('take', bytes()).expectReply()
  assert.deepEqual(heard, [OWN])
})

test('an error of another realm is an error, with its status, and a reason to stop', async (t) => {
  const refusal = 'Object.assign(new Error("foreign"), { statusCode: 418 })'
  const app = await serve({
    connect({ params }) {
      if (params.refuse !== undefined) throw foreign(refusal)
      return { assigns: {}, expiresAt: foreign<Date>(`new Date(${Date.now() + 60_000})`) }
    },
  })
  t.after(() => app.close())
  await assert.rejects(connect(app, { params: { refuse: '1' } }), (error: ConnectRefused) => {
    assert.equal(error.statusCode, 418)
    return true
  })
  const channel = await (await connect(app)).join(room, 'room:1')
  channel.push('end', {})
  assert.equal(((await channel.expectError()) as Error).message, 'foreign')
})
