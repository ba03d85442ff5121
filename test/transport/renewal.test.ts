import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import Fastify, { type FastifyInstance } from 'fastify'
import beryl, { type BerylOptions, defineChannel, type RenewContext, reject } from 'fastify-beryl'
import { connect, type FakeClock, fakeClock, type TestClient } from 'fastify-beryl/testing'
import { Type } from 'typebox'
import { record } from '../limits/stage.ts'

// A client stays connected over its expiry: it shows a new token, and nothing of it is joined anew.

const room = defineChannel('room:*', {
  schema: {
    in: { who: { payload: Type.Unknown(), reply: Type.Unknown() } },
    presence: Type.Object({}),
  },
  join: ({ connection }) => ({ assigns: { joinedAs: connection.assigns } }),
  joined: (socket) => socket.presence.track(socket.id, {}),
  in: { who: (_, { connection, assigns }) => ({ now: connection.assigns, joined: assigns.joinedAs }) },
})

/** The meaning of a token: `user role seconds`, where the seconds may be left out. */
function read(token: string) {
  const [user = '', role = '', seconds] = token.split(' ')
  return { assigns: { user, role }, seconds: seconds === undefined ? undefined : Number(seconds) }
}

interface Staged {
  readonly app: FastifyInstance
  readonly clock: FakeClock
  readonly asked: RenewContext[]
}

async function serve(t: TestContext, given: BerylOptions = {}): Promise<Staged> {
  const clock = fakeClock()
  const asked: RenewContext[] = []
  const grant = (token: string) => {
    const { assigns, seconds } = read(token)
    return { assigns, expiresAt: seconds === undefined ? undefined : clock.date() + seconds * 1_000 }
  }
  const app = Fastify()
  t.after(async () => {
    const closed = app.close()
    await clock.advance(60_000)
    await closed
  })
  await app.register(beryl, {
    clock,
    channels: [room],
    connect: ({ authToken = '' }) => grant(authToken),
    renew(context) {
      asked.push(context)
      return context.token === 'revoked' ? reject({ reason: 'revoked' }) : grant(context.token)
    },
    connectionTopic: ({ assigns }) => `user:${assigns.user}`,
    ...given,
  })
  return { app, clock, asked }
}

const EXPIRING = { topic: 'phoenix', event: 'expiring' }

async function passes(client: TestClient, clock: FakeClock, ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 25_000) {
    await client.heartbeat()
    await clock.advance(Math.min(left, 25_000))
  }
}

for (const vsn of ['2.0.0', '1.0.0']) {
  test(`W96 a client of version ${vsn} is told 30 s before its end, once, and closed at it`, async (t) => {
    const { app, clock } = await serve(t)
    const client = await connect(app, { authToken: 'ada admin 60', vsn })
    await passes(client, clock, 29_999)
    await client.refuteMessage(EXPIRING)
    await clock.advance(1)
    const told = await client.expectMessage(EXPIRING)
    assert.deepEqual(told, {
      joinRef: null,
      ref: null,
      topic: 'phoenix',
      event: 'expiring',
      payload: { expires_in_ms: 30_000 },
    })
    await passes(client, clock, 29_999)
    assert.equal(client.received.filter(({ event }) => event === 'expiring').length, 1)
    assert.equal(client.closed, undefined)
    await clock.advance(1)
    assert.deepEqual(client.closed, { code: 1001, reason: 'expired' })
  })

  test(`W97 a renewal of version ${vsn} is answered ok with the new end, and the connection lives on to it`, async (t) => {
    const { app, clock, asked } = await serve(t)
    const client = await connect(app, { authToken: 'ada guest 60', vsn })
    const before = client.connection
    await passes(client, clock, 30_000)
    const response = await client.renew('ada admin 90').expectReply('ok')
    assert.deepEqual(response, { expires_at: clock.date() + 90_000 })
    assert.deepEqual(asked, [{ token: 'ada admin 90', connection: before }])
    assert.equal(client.received.at(-1)?.joinRef, null)
    await passes(client, clock, 59_999)
    assert.equal(client.closed, undefined)
    await clock.advance(1)
    assert.equal(client.received.filter(({ event }) => event === 'expiring').length, 2)
    await passes(client, clock, 30_000)
    await client.expectClosed(1001)
  })
}

test('W96 a life below 30 s is told at once, of a new connection and of a renewal', async (t) => {
  const { app, clock } = await serve(t)
  const client = await connect(app, { authToken: 'ada guest 12' })
  const told = await client.expectMessage(EXPIRING)
  assert.deepEqual(told.payload, { expires_in_ms: 12_000 })
  await client.renew('ada guest 20').expectReply('ok')
  assert.deepEqual((await client.expectMessage(EXPIRING)).payload, { expires_in_ms: 20_000 })
  await clock.advance(12_000)
  assert.equal(client.closed, undefined)
})

test('W97 a renewal leaves channels joined and presence as it is; handlers and later joins see the new assigns', async (t) => {
  const { app } = await serve(t)
  const client = await connect(app, { authToken: 'ada guest 60' })
  const channel = await client.join('room:1')
  await channel.expectPush('presence_state')
  const before = app.presence.list('room:1')
  const diffs: unknown[] = []
  app.presence.onDiff((topic) => diffs.push(topic))
  const { length } = client.received
  await client.renew('ada admin 60').expectReply('ok')
  assert.equal(client.received.length, length + 1)
  const joined = { user: 'ada', role: 'guest' }
  const now = { user: 'ada', role: 'admin' }
  assert.deepEqual(await channel.push('who', {}).expectReply(), { now, joined })
  const other = await client.join('room:2')
  assert.deepEqual(await other.push('who', {}).expectReply(), { now, joined: now })
  assert.deepEqual(client.connection.assigns, now)
  assert.ok(Object.isFrozen(client.connection))
  assert.deepEqual(app.presence.list('room:1'), before)
  assert.deepEqual(
    diffs.filter((topic) => topic === 'room:1'),
    [],
  )
  assert.equal(app.channels.status().connections, 1)
})

test('W97 a renewal without assigns keeps those that are there; without an end there is none', async (t) => {
  const { app, clock } = await serve(t, { renew: async () => ({}) })
  const client = await connect(app, { authToken: 'ada guest 60' })
  assert.deepEqual(await client.renew('x').expectReply('ok'), { expires_at: null })
  assert.deepEqual(client.connection.assigns, { user: 'ada', role: 'guest' })
  await passes(client, clock, 300_000)
  assert.equal(client.closed, undefined)
  app.channels.disconnect('user:ada')
  await client.expectClosed(1001)
})

const refusals: readonly {
  readonly title: string
  readonly token: string
  readonly response: unknown
  readonly outcome?: string
  readonly renew?: NonNullable<BerylOptions['renew']>
}[] = [
  {
    title: 'of somebody else',
    token: 'bob admin 60',
    response: { reason: 'other_identity' },
    outcome: 'other_identity',
  },
  { title: 'that is over', token: 'ada admin 0', response: { reason: 'expired' }, outcome: 'expired' },
  {
    title: 'that the application rejects',
    token: 'revoked',
    response: { reason: 'revoked' },
    outcome: 'rejected',
  },
  {
    title: 'of whose renewal the callback throws',
    token: 'x',
    response: { reason: 'renew_crashed' },
    outcome: 'crashed',
    renew: () => {
      throw new Error('no database')
    },
  },
  {
    title: 'for which the callback gives what it may not',
    token: 'x',
    response: { reason: 'renew_crashed' },
    outcome: 'crashed',
    renew: (() => ({ user: 'ada' })) as never,
  },
]

for (const { title, token, response, outcome, renew } of refusals) {
  test(`W98 a token ${title} is answered with an error, and nothing changes`, async (t) => {
    const { app, clock } = await serve(t, renew === undefined ? {} : { renew })
    const renewals = record(app, 'connection.renew')
    const client = await connect(app, { authToken: 'ada guest 60' })
    const before = client.connection
    assert.deepEqual(await client.renew(token).expectReply('error'), response)
    assert.equal(client.connection, before)
    assert.deepEqual(
      renewals.map(({ outcome }) => outcome),
      [outcome],
    )
    app.channels.disconnect('user:bob')
    await passes(client, clock, 59_999)
    assert.equal(client.closed, undefined)
    await clock.advance(1)
    await client.expectClosed(1001)
  })
}

test('W98 a renewal that throws what it should have returned is told so', async (t) => {
  for (const renew of [
    () => {
      throw reject('no')
    },
    async () => {
      throw reject('no')
    },
  ]) {
    const { app } = await serve(t, { renew })
    const renewals = record(app, 'connection.renew')
    const client = await connect(app, { authToken: 'ada guest 60' })
    await client.renew('x').expectReply('error')
    assert.match(String(renewals[0]?.error), /renew: wanted `return reject\(…\)`, got `throw reject\(…\)`/)
  }
})

for (const payload of [{}, { token: 7 }, null, 'token', [1]]) {
  test(`W98 a renewal with the payload ${JSON.stringify(payload)} says what it wants, and nobody is asked`, async (t) => {
    const { app, asked } = await serve(t)
    const client = await connect(app, { authToken: 'ada guest 60' })
    client.send({ joinRef: null, ref: '9', topic: 'phoenix', event: 'renew', payload })
    const { payload: answer } = await client.expectMessage({ event: 'phx_reply', ref: '9' })
    assert.deepEqual(answer, {
      status: 'error',
      response: { reason: 'invalid_payload', errors: [{ path: '/token', message: 'must be a string' }] },
    })
    assert.deepEqual(asked, [])
  })
}

test('W98 without the option renew the answer says so', async (t) => {
  const { app } = await serve(t, { renew: undefined as never })
  const client = await connect(app, { authToken: 'ada guest 60' })
  assert.deepEqual(await client.renew('x').expectReply('error'), { reason: 'renew_unsupported' })
})

test('W99 one renewal is decided at a time; one that takes too long is given up, and what it gives then changes nothing', async (t) => {
  const open: ((grant: object) => void)[] = []
  const { app, clock } = await serve(t, {
    limits: { handshakeTimeoutMs: 5_000 },
    renew: () => new Promise((resolve) => open.push(resolve as never)),
  })
  const client = await connect(app, { authToken: 'ada guest' })
  const first = client.renew('one')
  assert.deepEqual(await client.renew('two').expectReply('error'), { reason: 'renew_pending' })
  await clock.advance(5_000)
  assert.deepEqual(await first.expectReply('error'), { reason: 'renew_timeout' })
  const third = client.renew('three')
  await client.settle()
  assert.equal(open.length, 2)
  open[0]?.({ assigns: { user: 'ada', role: 'admin' } })
  await client.settle()
  assert.deepEqual(client.connection.assigns, { user: 'ada', role: 'guest' })
  open[1]?.({ assigns: { user: 'ada', role: 'editor' } })
  assert.deepEqual(await third.expectReply('ok'), { expires_at: null })
  assert.deepEqual(client.connection.assigns, { user: 'ada', role: 'editor' })
})

test('W99 renewals count as messages', async (t) => {
  const { app } = await serve(t, { limits: { messages: { perSecond: 1, burst: 1 } } })
  const client = await connect(app, { authToken: 'ada guest' })
  await client.renew('ada guest').expectReply('ok')
  await client.renew('ada guest').expectReply('error', { reason: 'rate_limited' })
})

test('W99 a connection that is gone when its renewal is decided stays gone', async (t) => {
  let decide = (_: object): void => {}
  const { app } = await serve(t, {
    renew: () =>
      new Promise((resolve) => {
        decide = resolve as never
      }),
  })
  const client = await connect(app, { authToken: 'ada guest 60' })
  client.renew('ada guest 60')
  await client.settle()
  const crashes = record(app, 'connection.crash')
  app.channels.disconnect('user:ada')
  await client.expectClosed(1001)
  decide({ assigns: { user: 'ada', role: 'admin' } })
  await client.settle()
  assert.deepEqual(crashes, [])
  assert.equal(app.channels.status().connections, 0)
})

test('W97 no line of the log holds the token of a renewal, whatever comes of it', async (t) => {
  const token = 'hunter2'
  const lines: string[] = []
  const app = Fastify({
    logger: { level: 'trace', stream: { write: (line: string) => void lines.push(line) } },
  })
  t.after(() => app.close())
  const outcomes: (() => unknown)[] = [
    () => ({}),
    () => reject(),
    () => {
      throw new Error('no database')
    },
    () => token,
    () => ({ assigns: token }),
    () => ({ expiresAt: token }),
  ]
  await app.register(beryl, { renew: () => outcomes.shift()?.() as never })
  while (outcomes.length > 0) {
    // The log has a line a second for each client.
    const client = await connect(app)
    client.renew(token)
    await client.settle()
    assert.equal(client.received[0]?.event, 'phx_reply')
  }
  const log = lines.join('')
  assert.match(log, /renewal crashed/)
  assert.match(log, /renew: wanted \{ assigns\?, expiresAt\? \} or reject\(…\), got a string/)
  assert.equal(log.includes(token), false, log)
})
