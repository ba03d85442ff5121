import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { Binary, defineChannel, fail, reject } from 'fastify-beryl'
import { asyncapi } from 'fastify-beryl/asyncapi'
import { Type } from 'typebox'
import { WebSocket } from 'ws'
import { until } from '../support/until.ts'
import { at, info, messagesOf, partAt, served, validatorAt } from './lab.ts'

const text = Type.String()

const room = defineChannel('room:*', {
  schema: {
    join: {
      payload: Type.Object({ name: text }, { additionalProperties: false }),
      reply: Type.Object({ n: Type.Integer() }, { additionalProperties: false }),
      error: Type.Object({ why: text }),
    },
    in: {
      say: {
        payload: Type.Object({ body: text }),
        reply: Type.Object({ id: text }),
        error: Type.Object({ code: Type.Integer() }),
      },
      quiet: Type.Object({}),
    },
    out: { said: Type.Object({ body: text }), image: Type.Union([Binary(), Type.Null()]) },
    presence: Type.Union([
      Type.Object({ name: text }, { additionalProperties: false }),
      Type.Object({ bot: Type.Boolean() }, { additionalProperties: false }),
    ]),
  },
  history: { events: ['said'] },
  join: ({ payload, id }) =>
    id === 'closed' ? reject({ why: 'closed' }) : { assigns: payload, reply: { n: 1 } },
  joined(socket) {
    socket.presence.track(socket.assigns.name, { name: socket.assigns.name })
  },
  in: {
    say({ body }, socket) {
      if (body === '') return fail({ code: 1 })
      socket.presence.update(socket.assigns.name, { bot: true })
      socket.broadcast('said', { body })
      socket.push('image', null)
      return { id: 'a' }
    },
    quiet() {},
  },
})

test('D13 each frame of a conversation is a message of the document, and no message of the document is another', async (t) => {
  const app = await served(t, {
    channels: [room],
    connect: () => ({ expiresAt: Date.now() + 20_000 }),
    renew: () => ({ expiresAt: Date.now() + 60_000 }),
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const document = asyncapi(app, { info })

  /** The messages of a channel with a name: key → whether a payload fits. */
  const judges = (channel: string, name: string) =>
    messagesOf(document, channel)
      .filter((message) => message.name === name && message.contentType === undefined)
      .map(({ key, path }) => [key, validatorAt(document, ...path, 'payload')] as const)

  const { port } = app.server.address() as AddressInfo
  const pathname = at(document, 'servers', 'socket', 'pathname')
  const socket = new WebSocket(`ws://127.0.0.1:${port}${pathname}?vsn=2.0.0`)
  const frames: [string | null, string | null, string, string, unknown][] = []
  socket.on('message', (data) => void frames.push(JSON.parse(String(data))))
  await once(socket, 'open')
  const sent = [
    ['1', '1', 'room:1', 'phx_join', { name: 'ada', $resume: true }],
    ['1', '2', 'room:1', 'say', { body: 'hi' }],
    ['1', '3', 'room:1', 'say', { body: '' }],
    ['1', '4', 'room:1', 'say', { body: 1 }],
    ['1', '5', 'room:1', 'quiet', {}],
    ['1', '6', 'room:1', 'nothing', {}],
    ['2', '7', 'room:closed', 'phx_join', { name: 'ada' }],
    ['3', '8', 'room:2', 'phx_join', {}],
    [null, '9', 'phoenix', 'heartbeat', {}],
    [null, '10', 'phoenix', 'renew', { token: 'a' }],
  ] as const
  for (const frame of sent) socket.send(JSON.stringify(frame))
  await until('said', () => frames.some(([, , , event]) => event === 'said'))
  await until('the diff', () => frames.some(([, , , event]) => event === 'presence_diff'))
  await until('the renewal', () => frames.some(([, ref]) => ref === '10'))
  socket.send(JSON.stringify(['1', '11', 'room:1', 'phx_leave', {}]))
  await until('the end', () => frames.some(([, , , event]) => event === 'phx_close'))
  socket.terminate()

  const channelOf = (topic: string): string => (topic === 'phoenix' ? 'phoenix' : 'room.id')
  const seen = new Set<string>()
  const headers = validatorAt(document, 'components', 'messageTraits', 'frame', 'headers')
  const logged = validatorAt(document, 'components', 'messageTraits', 'logged', 'headers')
  const names = Object.keys(partAt(document, 'components', 'messageTraits', 'frame', 'headers', 'properties'))
  assert.deepEqual(names, ['join_ref', 'ref', 'topic', 'event'])
  for (const [join_ref, ref, topic, event, payload] of frames) {
    const head = { join_ref, ref, topic, event }
    assert.equal(headers(head), true, JSON.stringify(head))
    if (event === 'said') assert.ok(ref !== null && logged(head), JSON.stringify(head))
    if (event === 'phx_reply') assert.equal(logged(head), false, 'the ref of a reply is none of a log')
    const fitting = judges(channelOf(topic), event).filter(([, validate]) => validate(payload))
    assert.ok(fitting.length > 0, `${event} ${JSON.stringify(payload)} is no message of ${topic}`)
    for (const [key] of fitting) seen.add(key)
  }
  for (const key of [
    'join.ok',
    'join.error',
    'in.say.ok',
    'in.say.error',
    'push_error',
    'out.said',
    'out.image',
    'presence_state',
    'presence_diff',
    'phx_close',
    'ok',
    'renew.ok',
    'expiring',
  ])
    assert.ok(seen.has(key), `${key} was not seen: ${[...seen].join(' ')}`)

  // The frames of the client fit too, where the server took them.
  const takes = (event: string, payload: unknown) =>
    judges('room.id', event).some(([key, validate]) => !key.startsWith('out.') && validate(payload))
  assert.equal(takes('phx_join', { name: 'ada', $resume: true }), true)
  assert.equal(takes('phx_join', { name: 'ada', $resume: { epoch: 'a', offset: 1 } }), true)
  assert.equal(takes('phx_join', { name: 'ada', $resume: 1 }), false)
  assert.equal(takes('phx_join', {}), false)
  assert.equal(takes('say', { body: 'hi' }), true)
  assert.equal(takes('say', { body: 1 }), false)

  // Other shapes are refused by the document.
  const state = judges('room.id', 'presence_state')[0]?.[1]
  assert.equal(state?.({ ada: { metas: [{ name: 'ada', phx_ref: 'a' }] } }), true)
  assert.equal(state?.({ ada: { metas: [{ name: 'ada', phx_ref: 'a', phx_ref_prev: 'b' }] } }), true)
  assert.equal(state?.({ ada: { metas: [{ name: 'ada' }] } }), false)
  assert.equal(state?.({ ada: { metas: [{ name: 1, phx_ref: 'a' }] } }), false)
  assert.equal(state?.({ ada: { metas: [{ name: 'ada', more: 1, phx_ref: 'a' }] } }), false)
})
