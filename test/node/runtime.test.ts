import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { test } from 'node:test'
import type { FastifyInstance } from 'fastify'
import { Binary, defineChannel, fail, later, reject, stop, type TerminateReason } from 'fastify-beryl'
import { connect, type TestChannel, type TestClient } from 'fastify-beryl/testing'
import { Type } from 'typebox'
import { hold, logged, serve } from './lab.ts'

const Empty = Type.Object({})
const Num = Type.Object({ n: Type.Integer() })
const nothing = (): { assigns: undefined } => ({ assigns: undefined })

/** A channel whose one event gives what the test says, past the type checker. */
function giving(results: Iterable<unknown>, seen: TerminateReason[] = []) {
  const next = results[Symbol.iterator]()
  return defineChannel('room', {
    schema: {
      in: { ask: { payload: Empty, reply: Num }, tell: Empty },
      out: { said: Num },
    },
    join: nothing,
    in: { ask: () => next.next().value as never, tell: () => next.next().value as never },
    terminate: (reason) => void seen.push(reason),
  })
}

// Results of a handler

test('an event without a declared reply gets none', async (t) => {
  const { app } = await serve(t, { channels: [giving([undefined, Promise.resolve(undefined)])] })
  const channel = await (await connect(app)).join('room')
  await channel.push('tell').refuteReply()
  await channel.push('tell').refuteReply()
})

const STOPS = [
  ['normal', 'phx_close'],
  ['shutdown', 'phx_close'],
  [{ shutdown: 'moved' }, 'phx_close'],
  ['too tired', 'phx_error'],
  [new Error('broken'), 'phx_error'],
] as const

for (const [reason, last] of STOPS) {
  const shown = reason instanceof Error ? 'an Error' : JSON.stringify(reason)
  test(`stop with the reason ${shown} ends with ${last}`, async (t) => {
    const seen: TerminateReason[] = []
    const { app } = await serve(t, { channels: [giving([stop(reason)], seen)] })
    const channel = await (await connect(app)).join('room')
    const push = channel.push('tell')
    if (last === 'phx_close') await channel.expectClose()
    else await channel.expectError()
    await push.refuteReply()
    assert.deepEqual(seen, [
      last === 'phx_close' ? { kind: 'stopped', reason } : { kind: 'crashed', error: reason },
    ])
  })
}

test('stop may carry a fail: the client gets an error, then phx_close', async (t) => {
  const { app } = await serve(t, { channels: [giving([stop('normal', fail({ reason: 'over' }))])] })
  const channel = await (await connect(app)).join('room')
  await channel.push('ask').expectReply('error', { reason: 'over' })
  await channel.expectClose()
})

test('what later promises may be a fail, or fail', async (t) => {
  const failing = later(Promise.resolve(fail({ reason: 'no' })))
  const lost = hold<unknown>()
  const { app } = await serve(t, { channels: [giving([failing, later(lost.promise)])] })
  const channel = await (await connect(app)).join('room')
  await channel.push('ask').expectReply('error', { reason: 'no' })
  channel.push('ask')
  lost.fail(new Error('lost'))
  assert.deepEqual(await channel.expectError(), new Error('lost'))
})

test('what fails after its channel has ended is logged, sends nothing, and ends nothing again', async (t) => {
  const slow = hold<unknown>()
  const seen: TerminateReason[] = []
  const { app, log } = await serve(t, { channels: [giving([later(slow.promise)], seen)] })
  const channel = await (await connect(app)).join('room')
  const push = channel.push('ask')
  await channel.leave()
  slow.fail(new Error('too late'))
  await push.refuteReply()
  assert.equal(log.filter(({ msg }) => msg === 'channel crashed').length, 1)
  assert.deepEqual(seen, [{ kind: 'left' }])
})

test('work that the signal of an ended channel aborted is no crash, and not logged', async (t) => {
  const channel = defineChannel('room', {
    schema: { in: { abort: Empty, reason: Empty } },
    join: nothing,
    in: {
      abort: (_, { signal }) => later(once(new EventEmitter(), 'never', { signal })) as never,
      reason: (_, { signal }) =>
        later(
          new Promise<undefined>((_resolve, refuse) =>
            signal.addEventListener('abort', () => refuse(signal.reason)),
          ),
        ),
    },
  })
  const { app, log } = await serve(t, { channels: [channel] })
  const client = await connect(app)
  const room = await client.join(channel, 'room')
  room.push('abort')
  room.push('reason')
  await room.leave()
  await client.settle()
  assert.deepEqual(client.crashes, [])
  assert.deepEqual(
    log.filter(({ level }) => level > 40),
    [],
  )
})

const MENU = 'fail(…), reply(…), stop(…) or later(…)'
const NONSENSE = [
  ['ask', undefined, `wanted the declared reply, ${MENU}, got undefined`],
  ['ask', { n: 'x' }, 'the payload does not fit its schema: /n must be integer, got a string'],
  ['ask', reject({}), `wanted the declared reply, ${MENU}, got reject(…)`],
  ['tell', { n: 1 }, `wanted undefined (no reply is declared), ${MENU}, got { n }`],
  ['tell', true, `wanted undefined (no reply is declared), ${MENU}, got true`],
  ['tell', Promise.resolve(null), `wanted undefined (no reply is declared), ${MENU}, got null`],
] as const

for (const [event, result, refusal] of NONSENSE) {
  test(`a handler of "${event}" that gives nonsense crashes its channel with the menu: ${refusal}`, async (t) => {
    const { app } = await serve(t, { channels: [giving([result])] })
    const channel = await (await connect(app)).join('room')
    const push = channel.push(event)
    const error = (await channel.expectError()) as Error
    assert.ok(error.message.includes(refusal), error.message)
    await push.refuteReply()
  })
}

test('too many messages for a topic that is still joining are refused with "overloaded"', async (t) => {
  const held = hold()
  const channel = defineChannel('room', {
    schema: { in: { ask: { payload: Num, reply: Num } } },
    join: () => held.promise.then(nothing),
    in: { ask: (payload) => payload },
  })
  const { app } = await serve(t, { channels: [channel], limits: { mailbox: 1 } })
  const room = (await connect(app)).channel(channel, 'room')
  const joining = room.join()
  const [first, second] = [room.push('ask', { n: 1 }), room.push('ask', { n: 2 })]
  await second.expectReply('error', { reason: 'overloaded' })
  held.release()
  await joining
  await first.expectReply('ok', { n: 1 })
})

// Joining

test('a rejected join is not joined: no callback runs, and the topic is unknown', async (t) => {
  const calls: string[] = []
  const channel = defineChannel('room', {
    schema: { join: { payload: Empty, reply: Empty, error: Type.Object({ reason: Type.String() }) } },
    join: () => reject({ reason: 'full' }),
    joined: () => void calls.push('joined'),
    terminate: () => void calls.push('terminate'),
  })
  const { app } = await serve(t, { channels: [channel] })
  const client = await connect(app)
  await assert.rejects(client.join(channel, 'room'), { response: { reason: 'full' } })
  const late = client.channel('room')
  await late.push('anything').expectReply('error', { reason: 'unmatched topic' })
  await client.settle()
  assert.deepEqual(calls, [])
  assert.deepEqual(app.channels.topics(), [])
})

const BAD_JOINS: [string, () => unknown, RegExp][] = [
  ['throws', () => assert.fail('no database'), /no database/],
  ['rejects', () => Promise.reject(new Error('no database')), /no database/],
  ['gives nothing', () => undefined, /wanted \{ assigns, reply \} or reject\(…\), got undefined/],
  ['forgets the reply', () => ({ assigns: 1 }), /the reply of join: the payload does not fit its schema/],
  ['gives another reply', () => ({ assigns: 1, reply: { n: 'x' } }), /\/n must be integer/],
  ['rejects with another error', () => reject({ reason: 7 }), /the error of join: the payload does not fit/],
]

for (const [what, join, message] of BAD_JOINS) {
  test(`a join that ${what} answers "join crashed", is logged, and may be tried again`, async (t) => {
    let isBroken = true
    const channel = defineChannel('room', {
      schema: { join: { reply: Num, error: Type.Object({ reason: Type.String() }) } },
      join: () => (isBroken ? (join() as never) : { assigns: 1, reply: { n: 1 } }),
    })
    const { app, log } = await serve(t, { channels: [channel] })
    const client = await connect(app)
    await assert.rejects(client.join(channel, 'room'), { response: { reason: 'join crashed' } })
    assert.match(String(client.crashes[0]?.error), message)
    const { topic, connectionId } = logged(log, 'join crashed')
    assert.deepEqual([topic, connectionId], ['room', client.id])
    isBroken = false
    await client.join(channel, 'room')
  })
}

test('a join with a wrong payload is not asked, and says what is wrong where', async (t) => {
  let asked = 0
  const channel = defineChannel('room', {
    schema: { join: Type.Object({ name: Type.String() }) },
    join() {
      asked++
      return { assigns: undefined }
    },
  })
  const { app } = await serve(t, { channels: [channel] })
  const client = await connect(app)
  await assert.rejects(client.join('room', { name: 7 }), {
    response: { reason: 'invalid_payload', errors: [{ path: '/name', message: 'must be string' }] },
  })
  assert.equal(asked, 0)
})

test('joined runs behind the reply: what it pushes comes after', async (t) => {
  const channel = defineChannel('room', {
    schema: { join: { reply: Empty }, out: { said: Num } },
    join: () => ({ assigns: undefined, reply: {} }),
    async joined(socket) {
      socket.push('said', { n: 1 })
      await null
      socket.broadcast('said', { n: 2 })
    },
  })
  const { app } = await serve(t, { channels: [channel] })
  const client = await connect(app)
  const room = await client.join(channel, 'room')
  await room.expectPush('said', { n: 2 })
  assert.deepEqual(
    client.received.map(({ event }) => event),
    ['phx_reply', 'said', 'said'],
  )
})

// The end

test('a leave of a topic that is not joined is confirmed, without phx_close', async (t) => {
  const { app } = await serve(t)
  const client = await connect(app)
  client.send({ joinRef: '1', ref: '2', topic: 'nowhere', event: 'phx_leave', payload: {} })
  await client.expectMessage({ joinRef: '1', ref: '2', payload: { status: 'ok', response: {} } })
  await client.refuteMessage({ event: 'phx_close' })
})

type End = (world: { app: FastifyInstance; client: TestClient; room: TestChannel }) => unknown

const ENDS: [string, End, TerminateReason][] = [
  [
    'the client breaks the protocol',
    ({ client }) => client.sendRaw('not JSON'),
    { kind: 'closed', code: 1007 },
  ],
  [
    'the server disconnects the client',
    ({ app }) => app.channels.disconnect('me'),
    { kind: 'shutdown', reason: 'disconnect' },
  ],
  ['the server closes', ({ app }) => app.close(), { kind: 'shutdown', reason: 'drain' }],
  [
    'a handler rejects',
    ({ room }) => room.push('reject'),
    { kind: 'crashed', error: new Error('broken later') },
  ],
]

for (const [what, end, expected] of ENDS) {
  test(`when ${what}, terminate runs once with the reason, which aborts the signal before`, async (t) => {
    const seen: TerminateReason[] = []
    const signals: AbortSignal[] = []
    const abortedBefore: boolean[] = []
    const channel = defineChannel('room', {
      schema: { in: { reject: Empty } },
      join: nothing,
      joined: (socket) => void signals.push(socket.signal),
      in: { reject: () => Promise.reject(new Error('broken later')) },
      terminate(reason, socket) {
        seen.push(reason)
        abortedBefore.push(socket.signal.aborted)
      },
    })
    const { app } = await serve(t, { channels: [channel], connectionTopic: () => 'me' })
    const client = await connect(app)
    const room = await client.join('room')
    await end({ app, client, room })
    await client.settle()
    await app.close()
    assert.deepEqual(seen, [expected])
    assert.deepEqual(signals[0]?.reason, expected)
    assert.deepEqual(abortedBefore, [true])
  })
}

test('the signal of a channel that has ended is aborted also where nobody had asked for it before', async (t) => {
  const late = hold<AbortSignal>()
  const channel = defineChannel('room', {
    schema: { in: { wait: Empty } },
    join: nothing,
    in: {
      async wait(_, socket) {
        await released.promise
        late.release(socket.signal)
      },
    },
  })
  const released = hold()
  const { app } = await serve(t, { channels: [channel] })
  const client = await connect(app)
  const room = await client.join(channel, 'room')
  room.push('wait')
  await client.close()
  released.release()
  assert.equal((await late.promise).aborted, true)
})

test('socket.stop ends the channel behind the message that it is at', async (t) => {
  const channel = defineChannel('room', {
    schema: { in: { go: { payload: Empty, reply: Num }, after: { payload: Empty, reply: Num } } },
    join: nothing,
    in: {
      async go(_, socket) {
        socket.stop('shutdown')
        await null
        return { n: 1 }
      },
      after: () => ({ n: 2 }),
    },
  })
  const { app } = await serve(t, { channels: [channel] })
  const room = await (await connect(app)).join(channel, 'room')
  const [go, after] = [room.push('go'), room.push('after')]
  await go.expectReply('ok', { n: 1 })
  await room.expectClose()
  await after.expectReply('error', { reason: 'unmatched topic' })
})

test('a terminate that fails is logged, and the channel is closed all the same', async (t) => {
  for (const terminate of [
    () => assert.fail('no file'),
    () => Promise.reject(new Error('no file')),
  ] as (() => never)[]) {
    const channel = defineChannel('room', { schema: {}, join: nothing, terminate })
    const { app, log } = await serve(t, { channels: [channel] })
    const room = await (await connect(app)).join(channel, 'room')
    await room.leave()
    const crash = logged(log, 'channel crashed')
    assert.equal(crash.event, 'terminate')
    assert.equal(crash.err?.message, 'no file')
  }
})

// Crashes stay where they are

test('messages that waited behind a crash are answered as messages to an unjoined topic', async (t) => {
  const held = hold()
  const channel = defineChannel('room', {
    schema: { in: { boom: Empty, ping: { payload: Empty, reply: Empty } } },
    join: nothing,
    in: { boom: () => held.promise, ping: () => ({}) },
  })
  const { app } = await serve(t, { channels: [channel] })
  const room = await (await connect(app)).join(channel, 'room')
  room.push('boom')
  const waited = [room.push('ping'), room.push('ping')]
  held.fail(new Error('broken'))
  await room.expectError()
  for (const push of waited) await push.expectReply('error', { reason: 'unmatched topic' })
})

test('a callback that crashes in joined or intercept ends its own channel', async (t) => {
  const channel = defineChannel('room', {
    schema: { join: Type.Object({ at: Type.String() }), out: { said: Num } },
    join: ({ payload }) => ({ assigns: payload.at }),
    joined({ assigns }) {
      if (assigns === 'joined') throw new Error('in joined')
    },
    intercept: {
      said(payload, { assigns }) {
        if (assigns === 'intercept') throw new Error('in intercept')
        return payload
      },
    },
  })
  const { app } = await serve(t, { channels: [channel] })
  const [a, b, c] = [await connect(app), await connect(app), await connect(app)]
  const atJoined = await a.join(channel, 'room', { at: 'joined' })
  assert.deepEqual(await atJoined.expectError(), new Error('in joined'))
  const atIntercept = await b.join(channel, 'room', { at: 'intercept' })
  const well = await c.join(channel, 'room', { at: 'nowhere' })
  app.channels.broadcast('room', 'said', { n: 1 })
  assert.deepEqual(await atIntercept.expectError(), new Error('in intercept'))
  await well.expectPush('said', { n: 1 })
})

// Refusals

test('an event that is not declared is refused with "unknown_event", also one named like a method', async (t) => {
  const { app } = await serve(t, { channels: [giving([{ n: 1 }])] })
  const room = await (await connect(app)).join('room')
  for (const event of ['nope', '', 'constructor', '__proto__', 'said']) {
    await room.push(event).expectReply('error', { reason: 'unknown_event' })
  }
  await room.push('ask').expectReply('ok')
})

test('an event that belongs to the protocol is refused with "reserved_event"', async (t) => {
  const { app } = await serve(t, { channels: [giving([{ n: 1 }])] })
  const room = await (await connect(app)).join('room')
  for (const event of [
    'phx_reply',
    'phx_close',
    'phx_error',
    'presence_state',
    'presence_diff',
    'disconnect',
  ]) {
    await room.push(event).expectReply('error', { reason: 'reserved_event' })
  }
  await room.push('ask').expectReply('ok')
})

// Sends of the server

test('a wrong event or payload throws in the handler that sends it', async (t) => {
  const errors: { code: string; message: string }[] = []
  const channel = defineChannel('room', {
    schema: { in: { go: Empty }, out: { said: Num } },
    join: nothing,
    in: {
      go(_, socket) {
        const sends = [
          () => socket.push('nope' as never, {} as never),
          () => socket.broadcast('said', { n: 'x' } as never),
          () => socket.broadcastFrom('said', undefined as never),
        ]
        for (const send of sends) {
          try {
            send()
          } catch (error) {
            errors.push(error as (typeof errors)[number])
          }
        }
      },
    },
  })
  const { app } = await serve(t, { channels: [channel] })
  const client = await connect(app)
  const room = await client.join(channel, 'room')
  await room.push('go').refuteReply()
  await room.refutePush('said')
  assert.deepEqual(
    errors.map(({ code, message }) => [code, message]),
    [
      [
        'BERYL_ERR_EVENT_UNDECLARED',
        "channel 'room' does not declare the outgoing event 'nope' (declared: said): add it to schema.out",
      ],
      [
        'BERYL_ERR_PAYLOAD_INVALID',
        `channel 'room', the event "said": the payload does not fit its schema: /n must be integer, got a string`,
      ],
      [
        'BERYL_ERR_PAYLOAD_INVALID',
        `channel 'room', the event "said": the payload does not fit its schema: must be object, got undefined`,
      ],
    ],
  )
})

// Bytes

test('a client of version 1 gets an error for a binary reply, and is passed by where bytes are sent', async (t) => {
  const channel = defineChannel('bytes', {
    schema: { in: { ask: { payload: Empty, reply: Binary() }, send: Empty }, out: { blob: Binary() } },
    join: nothing,
    in: {
      ask: () => Buffer.of(1),
      send(_, socket) {
        socket.push('blob', Buffer.of(1))
        socket.broadcast('blob', Buffer.of(2))
      },
    },
  })
  const { app, log } = await serve(t, { channels: [channel] })
  const [old, young] = [await connect(app, { vsn: '1.0.0' }), await connect(app)]
  const [oldRoom, room] = [await old.join(channel, 'bytes'), await young.join(channel, 'bytes')]
  await oldRoom.push('ask').expectReply('error', { reason: 'binary_unsupported' })
  oldRoom.push('send')
  await room.expectPush('blob', Buffer.of(2))
  await oldRoom.refutePush('blob')
  assert.equal(log.filter(({ msg }) => msg === 'binary broadcast skipped older clients').length, 1)
})

// The socket

test('the socket shows its connection, its topic and its join, and logs with their names', async (t) => {
  const channel = defineChannel('room:*', {
    schema: { in: { look: { payload: Empty, reply: Type.Unknown() } } },
    join: nothing,
    in: {
      look(_, socket) {
        socket.log.info('looked')
        const { id, topic, topicId, joinRef, connection } = socket
        return { id, topic, topicId, joinRef, connection, isServer: socket.server.hasDecorator('channels') }
      },
    },
  })
  const { app, log } = await serve(t, { channels: [channel], connect: () => ({ assigns: { userId: 7 } }) })
  const client = await connect(app)
  const room = await client.join(channel, 'room:a:b')
  assert.deepEqual(await room.push('look').expectReply(), {
    id: client.id,
    topic: 'room:a:b',
    topicId: 'a:b',
    joinRef: room.joinRef,
    connection: { ...client.connection, assigns: { userId: 7 } },
    isServer: true,
  })
  const { connectionId, topic } = logged(log, 'looked')
  assert.deepEqual([connectionId, topic], [client.id, 'room:a:b'])
})
