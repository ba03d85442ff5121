import assert from 'node:assert/strict'
import Fastify from 'fastify'
import beryl, { defineChannel, fail, reject } from 'fastify-beryl'
import { ConnectRefused, connect, fakeClock } from 'fastify-beryl/testing'
import { Type } from 'typebox'

// Tests of a channel by the testing kit, for whichever runner: title and test.

const room = defineChannel('room:*', {
  schema: {
    in: {
      say: { payload: Type.Object({ body: Type.String() }), reply: Type.Object({ length: Type.Integer() }) },
    },
    out: { said: Type.Object({ body: Type.String() }), late: Type.Object({}) },
    presence: Type.Object({}),
  },
  join: ({ connection }) => ({ assigns: { name: connection.assigns.name } }),
  joined(socket) {
    socket.presence.track(socket.assigns.name, {})
    socket.setTimeout(() => socket.push('late', {}), 30_000)
  },
  in: {
    async say({ body }, socket) {
      if (body === '') return fail({ reason: 'empty' })
      if (body === 'boom') throw new Error('boom')
      await Promise.resolve()
      socket.broadcast('said', { body })
      return { length: body.length }
    },
  },
})

async function stage() {
  const clock = fakeClock()
  const app = Fastify()
  // In a scope of its own, where `app` itself has no decorators.
  app.register(async (scope) => {
    const enter = ({ params: { name } }) =>
      name === 'eve' ? reject({ reason: 'not you' }) : { assigns: { name } }
    await scope.register(beryl, { channels: [room], connect: enter, clock, heartbeat: { timeoutMs: 60_000 } })
  })
  const ada = await connect(app, { params: { name: 'ada' } })
  return { app, clock, ada, channel: await ada.join(room, 'room:1') }
}

/** A test with a server of its own, which is gone when it ends. */
function on(play) {
  return async () => {
    const here = await stage()
    try {
      await play(here)
    } finally {
      await here.app.close()
    }
  }
}

export const facts = {
  'a push is answered, and what is broadcast arrives': on(async ({ app, channel }) => {
    const bob = await (await connect(app, { params: { name: 'bob' } })).join(room, 'room:1')
    assert.deepEqual(await channel.push('say', { body: 'hello' }).expectReply(), { length: 5 })
    assert.deepEqual(await bob.expectPush('said', { body: /^hel/ }), { body: 'hello' })
    await channel.push('say', { body: '' }).expectReply('error', { reason: 'empty' })
    await bob.refutePush('said')
  }),

  'presences come and go': on(async ({ app, channel }) => {
    const bob = await connect(app, { params: { name: 'bob' } })
    await bob.join(room, 'room:1')
    await channel.expectPresence('bob')
    await bob.close()
    await channel.expectAbsence('bob')
  }),

  'a crash is seen with its error': on(async ({ channel }) => {
    channel.push('say', { body: 'boom' })
    assert.match(String(await channel.expectError()), /boom/)
  }),

  'the fake clock runs the timers of a socket, and ends a client that is silent': on(
    async ({ ada, channel, clock }) => {
      await channel.refutePush('late')
      await clock.advance(30_000)
      await channel.expectPush('late')
      await clock.advance(40_000)
      assert.deepEqual(await ada.expectClosed(1001), { code: 1001, reason: 'idle timeout' })
    },
  ),

  'a refused connection says why': on(({ app }) =>
    assert.rejects(connect(app, { params: { name: 'eve' } }), ConnectRefused),
  ),

  'an expectation that is not met gives up after its own time': on(async ({ app }) => {
    const bob = await (await connect(app, { params: { name: 'bob' }, timeoutMs: 20 })).join(room, 'room:1')
    await assert.rejects(bob.expectPush('said'), /said/)
  }),

  'a client is told when the server drains': on(async ({ app, ada }) => {
    await app.close()
    await ada.expectClosed(1012)
  }),
}
