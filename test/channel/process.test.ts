import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import Fastify, { type FastifyInstance } from 'fastify'
import beryl, {
  type BerylOptions,
  Binary,
  type ChannelDefinition,
  defineChannel,
  fail,
  later,
  reject,
  reply,
  type Socket,
  stop,
  type TerminateReason,
} from 'fastify-beryl'
import { connect, type TestChannel, type TestClient } from 'fastify-beryl/testing'
import { Type } from 'typebox'

// A channel process, in order, after each kind of result that its callbacks give.

const Any = Type.Unknown()

async function serve(
  t: TestContext,
  channel: ChannelDefinition,
  options: BerylOptions = {},
): Promise<FastifyInstance> {
  const app = Fastify()
  t.after(() => app.close())
  await app.register(beryl, { channels: [channel], ...options })
  return app
}

async function joined(t: TestContext, channel: ChannelDefinition, options?: BerylOptions): Promise<Joined> {
  const client = await connect(await serve(t, channel, options))
  return { client, topic: await client.join('room:1') }
}

interface Joined {
  readonly client: TestClient
  readonly topic: TestChannel
}

interface Gate {
  readonly opened: Promise<unknown>
  open(value?: unknown): void
}

function gate(): Gate {
  let open: Gate['open'] = () => {}
  const opened = new Promise((resolve) => {
    open = resolve
  })
  return { opened, open: (value) => open(value) }
}

/** A channel whose one event answers as the test says. */
function answering(handle: (payload: unknown, socket: Socket) => unknown): ChannelDefinition {
  return defineChannel('room:*', {
    schema: { in: { ask: { payload: Any, reply: Any }, tell: Any }, out: { told: Any } },
    join: () => ({ assigns: {} }),
    in: {
      ask: (payload, socket) => handle(payload, socket as never) as never,
      tell: (payload, socket) => handle(payload, socket as never) as never,
    },
  }) as ChannelDefinition
}

test('a declared reply goes out with status ok', async (t) => {
  const { topic } = await joined(
    t,
    answering((payload) => payload),
  )
  assert.deepEqual(await topic.push('ask', { n: 1 }).expectReply(), { n: 1 })
})

test('fail() and reply() answer with their status, and the channel lives', async (t) => {
  const { topic } = await joined(
    t,
    answering((payload) => (payload === 1 ? fail({ reason: 'no' }) : reply('queued', { at: 3 }))),
  )
  assert.deepEqual(await topic.push('ask', 1).expectReply('error'), { reason: 'no' })
  assert.deepEqual(await topic.push('ask', 2).expectReply('queued'), { at: 3 })
})

test('stop() ends the channel with phx_close, behind its reply', async (t) => {
  const { client, topic } = await joined(
    t,
    answering(() => stop('normal', { bye: true })),
  )
  assert.deepEqual(await topic.push('ask', {}).expectReply(), { bye: true })
  await topic.expectClose()
  assert.deepEqual(client.crashes, [])
})

test('stop() for a reason that is not normal is a crash: phx_error, and a line for the operator', async (t) => {
  const { client, topic } = await joined(
    t,
    answering(() => stop('out of memory')),
  )
  topic.push('ask', {})
  assert.equal(await topic.expectError(), 'out of memory')
  assert.equal(client.crashes[0]?.error, 'out of memory')
})

test('later() lets the channel go on: a later push may be answered first', async (t) => {
  const slow = gate()
  const { topic } = await joined(
    t,
    answering((payload) => (payload === 'slow' ? later(slow.opened) : payload)),
  )
  const first = topic.push('ask', 'slow')
  assert.equal(await topic.push('ask', 'quick').expectReply(), 'quick')
  slow.open('done')
  assert.equal(await first.expectReply(), 'done')
})

test('a rejected later() is a crash', async (t) => {
  const { topic } = await joined(
    t,
    answering(() => later(Promise.reject(new Error('database')))),
  )
  topic.push('ask', {})
  await topic.expectError()
})

for (const [what, event, result] of [
  ['a reply where none is declared', 'tell', { n: 1 }],
  ['what is no JSON', 'ask', { n: 1n }],
] as const) {
  test(`a handler that gives ${what} ends its channel and says what it may give`, async (t) => {
    const { client, topic } = await joined(
      t,
      answering(() => result),
    )
    topic.push(event, {})
    await topic.expectError()
    const [crash] = client.crashes
    const { message } = crash?.error instanceof Error ? crash.error : new Error('no crash')
    if (event === 'tell' || result === undefined)
      assert.match(message, /fail\(…\), reply\(…\), stop\(…\) or later\(…\)/)
  })
}

test('async handlers of one channel run one at a time, in order; another channel does not wait', async (t) => {
  const slow = gate()
  const order: string[] = []
  const channel = answering(async (payload) => {
    order.push(`begin ${payload}`)
    if (payload === 1) await slow.opened
    order.push(`end ${payload}`)
    return payload
  })
  const { client, topic } = await joined(t, channel)
  const other = await client.join('room:2')
  const pushes = [topic.push('ask', 1), topic.push('ask', 2)]
  assert.equal(await other.push('ask', 9).expectReply(), 9)
  await client.heartbeat()
  slow.open()
  for (const push of pushes) await push.expectReply()
  assert.deepEqual(order, ['begin 1', 'begin 9', 'end 9', 'end 1', 'begin 2', 'end 2'])
})

test('more messages than may wait are refused with overloaded; those that wait are handled', async (t) => {
  const slow = gate()
  const { topic } = await joined(
    t,
    answering(async (n) => (n === 0 ? slow.opened.then(() => n) : n)),
    { limits: { mailbox: 2 } },
  )
  const pushes = [0, 1, 2, 3].map((n) => topic.push('ask', n))
  assert.deepEqual(await pushes[3]?.expectReply('error'), { reason: 'overloaded' })
  slow.open()
  for (const n of [0, 1, 2]) assert.equal(await pushes[n]?.expectReply(), n)
})

test('a slow join holds up its own topic only: what comes for it waits, in order', async (t) => {
  const slow = gate()
  const channel = defineChannel('room:*', {
    schema: { in: { ask: { payload: Any, reply: Any } } },
    async join({ id }) {
      if (id === 'slow') await slow.opened
      return { assigns: {} }
    },
    in: { ask: (payload) => payload },
  })
  const client = await connect(await serve(t, channel))
  const pending = client.channel('room:slow')
  const joining = pending.join()
  await client.settle()
  const early = [pending.push('ask', 1), pending.push('ask', 2)]
  const quick = await client.join('room:quick')
  assert.equal(await quick.push('ask', 'q').expectReply(), 'q')
  await early[0]?.refuteReply()
  slow.open()
  await joining
  assert.equal(await early[0]?.expectReply(), 1)
  assert.equal(await early[1]?.expectReply(), 2)
})

test('what waited for a join that was refused is unmatched', async (t) => {
  const slow = gate()
  const channel = defineChannel('room:*', {
    schema: { in: { ask: Any } },
    async join() {
      await slow.opened
      throw new Error('no')
    },
    in: { ask() {} },
  })
  const client = await connect(await serve(t, channel))
  const topic = client.channel('room:1')
  const joining = assert.rejects(topic.join())
  await client.settle()
  const early = topic.push('ask', 1)
  slow.open()
  await joining
  assert.deepEqual(await early.expectReply('error'), { reason: 'unmatched topic' })
})

for (const [name, handle] of [
  [
    'throws',
    () => {
      throw new Error('broken')
    },
  ],
  ['rejects', () => Promise.reject(new Error('broken'))],
] as const) {
  test(`a handler that ${name} ends its channel alone: siblings and other clients never notice`, async (t) => {
    const lines: { topic?: string; event?: string; connectionId?: string; err?: { stack?: string } }[] = []
    const channel = answering((payload) => (payload === 'crash' ? handle() : payload))
    const app = Fastify({
      logger: { level: 'error', stream: { write: (line: string) => void lines.push(JSON.parse(line)) } },
    })
    t.after(() => app.close())
    await app.register(beryl, { channels: [channel] })
    const [ada, bob] = [await connect(app), await connect(app)]
    const [crashing, sibling, others] = [
      await ada.join('room:1'),
      await ada.join('room:2'),
      await bob.join('room:1'),
    ]
    crashing.push('ask', 'crash')
    await crashing.expectError()
    assert.equal(await sibling.push('ask', 1).expectReply(), 1)
    assert.equal(await others.push('ask', 2).expectReply(), 2)
    const [line] = lines
    assert.equal(lines.length, 1)
    assert.deepEqual([line?.topic, line?.event, line?.connectionId], ['room:1', 'ask', ada.id])
    assert.match(line?.err?.stack ?? '', /Error: broken\n +at /)
    await ada.join('room:1')
  })
}

/** A channel that records how it ends. */
function ending(reasons: TerminateReason[], signals: AbortSignal[] = []): ChannelDefinition {
  return defineChannel('room:*', {
    schema: { in: { crash: Any, stop: Any }, out: {} },
    join: () => ({ assigns: {} }),
    joined: (socket) => void signals.push(socket.signal),
    in: {
      crash() {
        throw new Error('crash')
      },
      stop: () => stop(),
    },
    terminate: (reason) => void reasons.push(reason),
  }) as ChannelDefinition
}

const ENDS: readonly [string, TerminateReason['kind'], (stage: Joined) => Promise<unknown>][] = [
  ['the client leaves', 'left', ({ topic }) => topic.leave()],
  ['the client closes its connection', 'closed', ({ client }) => client.close(1001)],
  ['the connection breaks', 'closed', ({ client }) => client.drop()],
  ['the channel stops itself', 'stopped', pushAnd('stop', (topic) => topic.expectClose())],
  ['a handler crashes', 'crashed', pushAnd('crash', (topic) => topic.expectError())],
  ['the client joins again', 'shutdown', ({ client }) => client.join('room:1')],
]

function pushAnd(event: string, then: (topic: TestChannel) => Promise<unknown>) {
  return ({ topic }: Joined): Promise<unknown> => {
    topic.push(event, {})
    return then(topic)
  }
}

for (const [what, kind, end] of ENDS) {
  test(`when ${what}, terminate runs once, with "${kind}", and the signal is aborted`, async (t) => {
    const reasons: TerminateReason[] = []
    const signals: AbortSignal[] = []
    const stage = await joined(t, ending(reasons, signals))
    assert.equal(signals[0]?.aborted, false)
    await end(stage)
    await stage.client.settle()
    assert.deepEqual(
      reasons.map((reason) => reason.kind),
      [kind],
    )
    assert.equal(signals[0]?.aborted, true)
  })
}

test('a signal that is asked for after the end is aborted, and no other channel’s', async (t) => {
  const signals: AbortSignal[] = []
  const shy = defineChannel('room:*', {
    schema: {},
    join: () => ({ assigns: {} }),
    terminate: (_reason, socket) => void signals.push(socket.signal, socket.signal),
  })
  const stage = await joined(t, shy as ChannelDefinition)
  await stage.client.join('room:1')
  await stage.client.drop()
  const [first, again, second] = signals
  assert.equal(first?.aborted && second?.aborted, true)
  assert.equal(first, again)
  // Listeners of a signal that is shared would never be let go.
  assert.notEqual(first, second)
})

test('closing the server ends every channel with "shutdown"', async (t) => {
  const reasons: TerminateReason[] = []
  const app = await serve(t, ending(reasons))
  await (await connect(app)).join('room:1')
  await app.close()
  assert.deepEqual(reasons, [{ kind: 'shutdown', reason: 'drain' }])
})

test('a leave waits for the handler that runs; its reply comes first', async (t) => {
  const slow = gate()
  const { client, topic } = await joined(
    t,
    answering(() => slow.opened),
  )
  const push = topic.push('ask', {})
  const leaving = topic.leave()
  slow.open('done')
  assert.equal(await push.expectReply(), 'done')
  await leaving
  const events = client.received.slice(-3).map(({ event }) => event)
  assert.deepEqual(events, ['phx_reply', 'phx_reply', 'phx_close'])
})

test('a second join of a topic replaces the first: the new reply, then the close of the old', async (t) => {
  const { client } = await joined(
    t,
    answering((payload) => payload),
  )
  const again = await client.join('room:1')
  await client.settle()
  const [reply, close] = client.received.slice(-2)
  assert.deepEqual([reply?.event, reply?.joinRef, close?.event], ['phx_reply', again.joinRef, 'phx_close'])
  assert.notEqual(close?.joinRef, again.joinRef)
  assert.equal(await again.push('ask', 1).expectReply(), 1)
})

test('a channel that ends in the turn of its join is not told presence_state, though terminate is at work', async (t) => {
  const done = gate()
  const channel = defineChannel('room:*', {
    schema: { presence: Type.Object({}) },
    join: () => ({ assigns: {} }),
    terminate: () => done.opened as Promise<void>,
  })
  const client = await connect(await serve(t, channel as ChannelDefinition))
  const first = client.channel('room:1')
  const joins = [first.join(), first.join()]
  await Promise.all(joins)
  await client.settle()
  const states = client.received.filter(({ event }) => event === 'presence_state')
  assert.deepEqual(
    states.map(({ joinRef }) => joinRef),
    [first.joinRef],
  )
  done.open()
})

test('a client that goes while join is at work undoes what join made', async (t) => {
  const slow = gate()
  const reasons: TerminateReason[] = []
  const app = await serve(
    t,
    defineChannel('room:*', {
      schema: {},
      async join() {
        await slow.opened
        return { assigns: {} }
      },
      terminate: (reason) => void reasons.push(reason),
    }),
  )
  const client = await connect(app)
  client
    .channel('room:1')
    .join()
    .catch(() => {})
  await client.settle()
  await client.drop()
  slow.open()
  await client.settle()
  assert.deepEqual(
    reasons.map(({ kind }) => kind),
    ['closed'],
  )
  assert.deepEqual(app.channels.topics(), [])
})

test('assigns are what join gave, and a handler may change them', async (t) => {
  const counter = defineChannel('room:*', {
    schema: {
      join: Type.Object({ from: Type.Integer() }),
      in: { next: { payload: Any, reply: Type.Integer() } },
    },
    join: ({ payload }) => ({ assigns: { n: payload.from } }),
    in: { next: (_, { assigns }) => ++assigns.n },
  })
  const client = await connect(await serve(t, counter))
  const topic = await client.join(counter, 'room:1', { from: 5 })
  assert.equal(await topic.push('next', {}).expectReply(), 6)
  assert.equal(await topic.push('next', {}).expectReply(), 7)
})

test('intercept rewrites, or drops, a broadcast for each subscriber, in its turn', async (t) => {
  const channel = defineChannel('room:*', {
    schema: {
      join: Type.Object({ name: Type.String() }),
      in: { say: Type.Object({ to: Type.String() }) },
      out: { said: Type.Object({ to: Type.String() }) },
    },
    join: ({ payload }) => ({ assigns: payload }),
    in: { say: (payload, socket) => socket.broadcast('said', payload) },
    intercept: { said: (payload, { assigns }) => (assigns.name === payload.to ? { to: 'you' } : undefined) },
  })
  const app = await serve(t, channel)
  const [ada, bob] = [await connect(app), await connect(app)]
  const [from, to] = [
    await ada.join(channel, 'room:1', { name: 'ada' }),
    await bob.join(channel, 'room:1', { name: 'bob' }),
  ]
  from.push('say', { to: 'bob' })
  await to.expectPush('said', { to: 'you' })
  await from.refutePush('said')
})

test('Binary takes bytes in and gives bytes out, up to its limit', async (t) => {
  const channel = defineChannel('room:*', {
    schema: { in: { echo: { payload: Binary({ maxBytes: 4 }), reply: Binary() } }, out: {} },
    join: () => ({ assigns: {} }),
    in: { echo: (bytes) => Uint8Array.from(bytes).reverse() },
  })
  const client = await connect(await serve(t, channel))
  const topic = await client.join(channel, 'room:1')
  assert.deepEqual([...(await topic.push('echo', Uint8Array.of(1, 2, 3)).expectReply())], [3, 2, 1])
  const refused = (await topic.push('echo', new Uint8Array(5)).expectReply('error')) as { errors: unknown }
  assert.deepEqual(refused.errors, [{ path: '', message: 'must be binary of at most 4 bytes' }])
})

test('an invalid payload is answered with where and what; an undeclared and a reserved event with their names', async (t) => {
  const channel = defineChannel('room:*', {
    schema: { in: { say: Type.Object({ body: Type.String({ maxLength: 3 }) }) } },
    join: () => ({ assigns: {} }),
    in: { say() {} },
  }) as ChannelDefinition
  const { topic } = await joined(t, channel)
  const invalid = await topic.push('say', { body: 'long' }).expectReply('error')
  assert.deepEqual(invalid, {
    reason: 'invalid_payload',
    errors: [{ path: '/body', message: 'must not have more than 3 characters' }],
  })
  assert.deepEqual(await topic.push('shout', {}).expectReply('error'), { reason: 'unknown_event' })
  assert.deepEqual(await topic.push('presence_diff', {}).expectReply('error'), { reason: 'reserved_event' })
})

test('W133 a handler that returns reject(…) crashes, also where its reply may be anything: nobody is told ok', async (t) => {
  for (const answer of [Type.Object({}), Type.Any()])
    for (const result of [reject({ reason: 'no' }), later(Promise.resolve(reject({ reason: 'no' })))]) {
      const channel = defineChannel('room:*', {
        schema: { in: { tell: { reply: answer } } },
        join: () => ({ assigns: {} }),
        in: { tell: (() => result) as never },
      })
      const { topic } = await joined(t, channel)
      topic.push('tell', {})
      const { message } = (await topic.expectError()) as Error
      assert.match(message, /wanted the declared reply, fail\(…\), .+, got reject\(…\)$/)
    }
})

for (const [made, thrown] of [
  ['fail(…)', fail({ reason: 'full' })],
  ['reply(…)', reply('queued', {})],
  ['stop(…)', stop()],
] as const)
  test(`a handler that throws ${made} crashes with an error that says to return it`, async (t) => {
    const { topic } = await joined(
      t,
      answering(() => {
        throw thrown
      }),
    )
    topic.push('tell', {})
    const error = (await topic.expectError()) as Error & { code: string }
    assert.equal(error.code, 'BERYL_ERR_RESULT_INVALID')
    assert.equal(error.message, `channel 'room:*', tell: wanted \`return ${made}\`, got \`throw ${made}\``)
  })

test('a join that throws reject(…) is answered `join crashed`, with an error that says to return it', async (t) => {
  const channel = defineChannel('room:*', {
    schema: {},
    join() {
      throw reject({ reason: 'full' })
    },
  }) as ChannelDefinition
  await assert.rejects(joined(t, channel), (refused: Error & { response: unknown; cause: Error }) => {
    assert.deepEqual(refused.response, { reason: 'join crashed' })
    assert.equal(
      refused.cause.message,
      "channel 'room:*', join: wanted `return reject(…)`, got `throw reject(…)`",
    )
    return true
  })
})
