import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Type } from 'typebox'
import { backOffMs } from '../../src/client/back-off.ts'
import { type LocalReason, PASSING, type ServerReason } from '../../src/client/error.ts'
import { createClient } from '../../src/client/index.ts'
import { type Listeners, listen, tell } from '../../src/client/listeners.ts'
import { Binary, contract } from '../../src/contract/index.ts'
import { type ReplyReason, replyReasons } from '../../src/ground/refusals.ts'
import { defineChannel } from '../../src/index.ts'

// Parts of the typed client and of the contract that need no server.

test('the back-off has full jitter, and an end', (t) => {
  const delays = Array.from({ length: 10 }, (_, index) =>
    Array.from({ length: 1000 }, () => backOffMs(index + 1)),
  )
  for (const [index, tried] of delays.entries()) {
    const most = Math.min(20_000, 1000 * 2 ** index)
    assert.ok(tried.every((ms) => ms >= 0 && ms < most))
    // Spread over all of it: each tenth has some.
    const tenths = new Set(tried.map((ms) => Math.floor((10 * ms) / most)))
    assert.equal(tenths.size, 10, `try ${index + 1}`)
  }
  t.diagnostic('10 tries, a thousand times each')
})

test('the client knows the reasons of the server, and which of them pass', () => {
  const toClients = Object.entries(replyReasons).filter(([, { to }]) => to !== 'renew')
  assert.deepEqual(
    [...PASSING].sort(),
    toClients
      .filter(([, { retryable }]) => retryable)
      .map(([reason]) => reason)
      .sort(),
  )
  const names: Record<ServerReason, true> = {
    'unmatched topic': true,
    invalid_payload: true,
    'join crashed': true,
    join_timeout: true,
    dismissed: true,
    'too many channels joined': true,
    topic_too_long: true,
    rate_limited: true,
    overloaded: true,
    history_unavailable: true,
    unknown_event: true,
    reserved_event: true,
    binary_unsupported: true,
  }
  assert.deepEqual(Object.keys(names).sort(), toClients.map(([reason]) => reason).sort())
  // Neither side says the same and means another thing.
  const local: Record<LocalReason, true> = { timeout: true, offline: true, interrupted: true, closed: true }
  for (const reason of Object.keys(local))
    assert.ok(!(reason in (replyReasons satisfies Record<ReplyReason, object>)))
})

test('a handler that throws takes nothing from the others, and is reported', async (t) => {
  const reported: unknown[] = []
  t.mock.method(globalThis, 'queueMicrotask', (run: () => void) => {
    try {
      run()
    } catch (error) {
      reported.push(error)
    }
  })
  const listeners: Listeners = new Set()
  const heard: number[] = []
  const error = new Error('of the handler')
  listen(listeners, 'said', () => {
    throw error
  })
  listen(listeners, 'said', (n: number) => void heard.push(n))
  listen(listeners, 'other', (n: number) => void heard.push(n))
  tell(listeners, 'said', 1)
  assert.deepEqual([heard, reported], [[1], [error]])
})

test('a handler that another one removes is not called after it', () => {
  const listeners: Listeners = new Set()
  const called: string[] = []
  listen(listeners, 'said', () => off())
  const off = listen(listeners, 'said', () => void called.push('removed'))
  tell(listeners, 'said')
  assert.deepEqual(called, [])
})

test('createClient refuses what is no address and no socket', () => {
  for (const target of [undefined, null, 7, {}])
    assert.throws(
      () => createClient(target as never),
      /createClient: wanted a URL or a Socket of phoenix.js, got/,
    )
  for (const timeoutMs of [0, -1, Number.NaN, 'long', 2 ** 31, Number.POSITIVE_INFINITY])
    assert.throws(
      () => createClient('/socket', { timeoutMs } as never),
      /timeoutMs: wanted a number above 0, up to 2147483647, got/,
    )
})

test('what is no handler, no topic and no signal is refused where it is given', async () => {
  const client = createClient('ws://127.0.0.1:9/socket')
  const channel = client.channel('a')
  for (const wrong of [undefined, null, 'f', {}])
    for (const listen of [
      () => channel.on('said', wrong as never),
      () => channel.onState(wrong as never),
      () => channel.presence.onChange(wrong as never),
      () => client.onState(wrong as never),
    ])
      assert.throws(listen, { name: 'TypeError', message: /^wanted a handler, got / })
  for (const wrong of [undefined, null, 7])
    assert.throws(
      () => client.channel(wrong as never, undefined as never),
      /^TypeError: client\.channel: topic: wanted a string, got /,
    )
  await assert.rejects(channel.join({ signal: {} as never }), { name: 'TypeError' })
  assert.equal(channel.state, 'closed')
})

test('a path needs a page, and says so to whoever joins', async () => {
  await assert.rejects(createClient('/socket').channel('a').join(), {
    name: 'TypeError',
    message: 'createClient: wanted a whole URL, such as ws://localhost/socket, got /socket',
  })
})

test('a channel is defined by a contract as by pattern and schema', () => {
  const notes = contract('notes:*', {
    out: { written: Type.Object({ text: Type.String() }), image: Binary() },
  })
  const join = () => ({ assigns: {} })
  const channel = defineChannel(notes, { join })
  assert.deepEqual([channel.pattern, channel.schema], ['notes:*', notes.schema])
  assert.ok(Object.isFrozen(notes))
  assert.throws(() => defineChannel(notes, { join, schema: {} } as never), {
    code: 'BERYL_ERR_CHANNEL_INVALID',
    message: `channel 'notes:*': schema: wanted nothing, for the contract has it, got {}`,
  })
  assert.throws(() => defineChannel(contract('phoenix' as never, {}) as never, { join } as never), {
    code: 'BERYL_ERR_CHANNEL_INVALID',
  })
})

test('Binary of a contract refuses a wrong option', () => {
  for (const maxBytes of [0, -1, 1.5, 'many'])
    assert.throws(
      () => Binary({ maxBytes } as never),
      /Binary: maxBytes: wanted a whole number of at least 1, got/,
    )
  assert.throws(() => Binary({ maxByte: 1 } as never), /Binary: wanted the option maxBytes, got maxByte/)
})
