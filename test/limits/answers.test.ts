import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Type } from 'typebox'
import { type BerylOptions, Binary, defineChannel, type ReplyReason } from '../../src/index.ts'
import { local } from '../../src/pubsub/local.ts'
import { connect } from '../../src/testing/index.ts'
import { Sender, stage } from './stage.ts'

// Each reason of the table of errors, as a client meets it.

const odd = defineChannel('odd:*', {
  schema: { in: { bytes: { payload: Type.Object({}), reply: Binary() } } },
  join({ id, topic, server }) {
    if (id === 'dismissed') server.channels.leave({ topic })
    if (id === 'broken') throw new Error('a secret of the server')
    return { assigns: {} }
  },
  in: { bytes: () => new Uint8Array(3) },
})

interface Case {
  readonly options?: BerylOptions
  readonly vsn?: string
  /** The messages, in order; the last one is refused. */
  readonly messages: readonly (readonly [topic: string, event: string, payload?: unknown])[]
  /** The last one is refused after so long. */
  readonly afterMs?: number
}

const unreachable = async (): Promise<never> => {
  throw new Error('a secret')
}

/** An adapter whose log is out of reach. */
const deaf = {
  ...local(),
  log: { listen() {}, append: unreachable, read: unreachable, forget: unreachable },
}

const logged = defineChannel('logged', {
  schema: { out: { said: Type.Unknown() } },
  history: { events: ['said'] },
  join: () => ({ assigns: {} }),
})

const join = (topic: string) => [topic, 'phx_join'] as const

const renewal = ['phoenix', 'renew', { token: 'a secret of the client' }] as const

const cases: { readonly [reason in ReplyReason]: readonly Case[] } = {
  'unmatched topic': [{ messages: [join('nowhere')] }, { messages: [['room:1', 'echo']] }],
  invalid_payload: [
    { messages: [['room:1', 'phx_join', { refuse: 1 }]] },
    { messages: [join('room:1'), ['room:1', 'echo', { n: 'one' }]] },
  ],
  'join crashed': [{ messages: [join('odd:broken')] }],
  join_timeout: [
    {
      options: { limits: { joinTimeoutMs: 100 } },
      messages: [['room:1', 'phx_join', { wait: true }]],
      afterMs: 100,
    },
  ],
  dismissed: [{ messages: [join('odd:dismissed')] }],
  history_unavailable: [
    { options: { pubsub: deaf, channels: [logged] }, messages: [['logged', 'phx_join', { $resume: true }]] },
  ],
  'too many channels joined': [
    { options: { limits: { channelsPerConnection: 1 } }, messages: [join('room:1'), join('room:2')] },
  ],
  topic_too_long: [{ messages: [join(`room:${'x'.repeat(251)}`)] }],
  rate_limited: [
    {
      options: { limits: { messages: { perSecond: 1, burst: 1 } } },
      messages: [join('room:1'), join('room:2')],
    },
  ],
  overloaded: [
    {
      options: { limits: { mailbox: 1 } },
      messages: [join('odd:1'), join('room:1'), ['room:1', 'wait'], ['room:1', 'echo'], ['room:1', 'echo']],
    },
  ],
  unknown_event: [{ messages: [join('room:1'), ['room:1', 'shout']] }],
  reserved_event: [
    { messages: [join('room:1'), ['room:1', 'presence_diff']] },
    { messages: [join('room:1'), ['room:1', 'phx_reply']] },
  ],
  renew_unsupported: [{ messages: [renewal] }, { vsn: '1.0.0', messages: [renewal] }],
  renew_pending: [{ options: { renew: () => new Promise<never>(() => {}) }, messages: [renewal, renewal] }],
  renew_timeout: [
    {
      options: { renew: () => new Promise<never>(() => {}), limits: { handshakeTimeoutMs: 100 } },
      messages: [renewal],
      afterMs: 100,
    },
  ],
  renew_crashed: [{ options: { renew: () => Promise.reject(new Error('a secret')) }, messages: [renewal] }],
  expired: [{ options: { renew: () => ({ expiresAt: 0 }) }, messages: [renewal] }],
  other_identity: [
    {
      options: {
        renew: ({ token }) => ({ assigns: { user: token } }),
        connectionTopic: ({ assigns }) => `user:${assigns.user}`,
      },
      messages: [renewal],
    },
  ],
  binary_unsupported: [{ vsn: '1.0.0', messages: [join('odd:1'), ['odd:1', 'bytes']] }],
}

for (const [reason, variants] of Object.entries(cases)) {
  for (const { options, vsn = '2.0.0', messages, afterMs = 0 } of variants) {
    const shown = messages.map(([topic, event]) => `${event} ${topic.slice(0, 20)}`).join(', ')
    test(`${reason}: ${shown}`, async (t) => {
      const { app, clock, gates } = await stage(t, options)
      app.channels.register(odd)
      const sender = new Sender(await connect(app, { vsn }))
      const refs: string[] = []
      for (const [topic, event, payload] of messages) {
        refs.push(sender.send(topic, event, payload))
        await sender.client.settle()
      }
      await clock.advance(afterMs)
      const { status, response } = await sender.answer(refs.at(-1) as string)
      assert.deepEqual([status, response.reason], ['error', reason])
      assert.equal(JSON.stringify(sender.client.received).includes('secret'), false)
      assert.equal(sender.client.closed, undefined)
      gates.open()
    })
  }
}
