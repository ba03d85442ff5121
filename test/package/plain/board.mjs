// The board in plain JavaScript: the same parts, smaller.
import jwt from '@fastify/jwt'
import Fastify from 'fastify'
import beryl, { defineChannel, mount, reject } from 'fastify-beryl'
import { berylMetrics } from 'fastify-beryl/metrics'
import { worker } from 'fastify-beryl/supervision'
import { Registry } from 'prom-client'
import { Type } from 'typebox'

const Text = Type.Object({ text: Type.String() })

const board = defineChannel('board:*', {
  schema: {
    join: { reply: Type.Object({ cards: Type.Array(Type.String()) }) },
    in: { add: { payload: Text, reply: Type.Object({ cards: Type.Integer() }) } },
    out: { added: Text, announced: Text },
    presence: Type.Object({}),
  },
  join: ({ id }) => ({ assigns: { id } }),
  snapshot: ({ server, assigns }) => ({ cards: server.cards.get(assigns.id) ?? [] }),
  joined(socket) {
    socket.server.groups.add('everywhere', socket.topic)
    socket.presence.track(socket.connection.assigns.userId, {})
  },
  in: {
    add({ text }, socket) {
      const { server, assigns } = socket
      const cards = [...(server.cards.get(assigns.id) ?? []), text]
      server.cards.set(assigns.id, cards)
      socket.broadcast('added', { text })
      return { cards: cards.length }
    },
  },
})

const office = defineChannel('office', {
  schema: { in: { announce: Text, kick: Type.Object({ topic: Type.String(), user: Type.String() }) } },
  join: () => ({ assigns: {} }),
  in: {
    announce: (payload, { server }) => server.groups.broadcast('everywhere', 'announced', payload),
    kick: ({ topic, user }, { server }) =>
      server.channels.leave({ topic, connectionTopic: `user:${user}` }, 'removed'),
  },
})

/** Loses its source now and then, and waits for it. */
const feed = (app, source) =>
  worker(
    'feed',
    async ({ ready, on, stopped }) => {
      if (source.isAway) throw new Error('the source is away')
      on(source, 'card', (text) => app.channels.broadcast('board:1', 'added', { text }))
      on(source, 'broken', (error) => {
        throw error
      })
      ready()
      await stopped()
    },
    { backoff: { minMs: 100, maxMs: 1_000 } },
  )

export async function build({ clock, source }) {
  const app = Fastify()
  app.decorate('cards', new Map())
  await app.register(jwt, { secret: 'of the tests' })
  const grant = (role, token) => {
    try {
      const { sub, exp, roles } = app.jwt.verify(token ?? '')
      return roles.includes(role) ? { assigns: { userId: sub }, expiresAt: exp * 1000 } : reject()
    } catch {
      return reject()
    }
  }
  await app.register(beryl, {
    channels: [board],
    connect: ({ authToken }) => grant('member', authToken),
    renew: ({ token }) => grant('member', token),
    connectionTopic: ({ assigns }) => `user:${assigns.userId}`,
    children: [feed(app, source)],
    clock,
  })
  await app.register(berylMetrics, { path: '/metrics', register: new Registry() })
  await app.register(mount, {
    path: '/office',
    channels: [office],
    connect: ({ authToken }) => grant('admin', authToken),
  })
  app.groups.create('everywhere')
  return app
}
