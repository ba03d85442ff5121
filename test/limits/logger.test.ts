import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import Fastify, { type FastifyBaseLogger } from 'fastify'
import { Telemetry } from '../../src/ground/telemetry.ts'
import { attachLogger } from '../../src/node/logger.ts'
import { fakeClock } from '../../src/testing/index.ts'

interface Line {
  readonly level: string
  readonly fields: Record<string, unknown>
  readonly text: string
}

/** Telemetry whose log is kept. */
function logged() {
  const lines: Line[] = []
  const write =
    (level: string) =>
    (fields: Line['fields'], text: string): void =>
      void lines.push({ level, fields, text })
  const log: Record<string, unknown> = Object.fromEntries(
    ['debug', 'info', 'warn', 'error', 'fatal'].map((level) => [level, write(level)]),
  )
  const telemetry = new Telemetry()
  const clock = fakeClock()
  attachLogger(telemetry, log as unknown as FastifyBaseLogger, clock)
  return { telemetry, clock, lines, log }
}

test('a client causes one line a second at each level; the next says how many were left out', async () => {
  const { telemetry, clock, lines } = logged()
  const reach = (connectionId: string) =>
    telemetry.emit('limit.reached', {}, { limit: 'limits.messages', connectionId })
  for (let n = 0; n < 100; n++) reach('a')
  assert.deepEqual(
    lines.map(({ level, fields }) => [level, fields]),
    [['info', { limit: 'limits.messages', connectionId: 'a' }]],
  )
  telemetry.emit('channel.crash', {}, { connectionId: 'a', topic: 't', event: 'e', error: new Error('x') })
  assert.equal(lines.at(-1)?.level, 'error')
  await clock.advance(999)
  reach('a')
  assert.equal(lines.length, 2)
  await clock.advance(1)
  reach('a')
  assert.equal(lines.at(-1)?.fields.leftOut, 100)
})

test('one client does not take the line of another', () => {
  const { telemetry, lines } = logged()
  for (const connectionId of ['a', 'b', 'c']) {
    telemetry.emit('connection.malformed', { bytes: 3 }, { connectionId, reason: 'not JSON' })
  }
  assert.equal(lines.length, 3)
})

test('what clients say is in fields, never in the text of a line, and is cut at 128 characters', () => {
  const { telemetry, lines } = logged()
  const long = 'x'.repeat(10_000)
  telemetry.emit(
    'message.refused',
    {},
    { connectionId: 'a', topic: long, event: long, reason: 'unmatched topic' },
  )
  telemetry.emit('channel.join', { durationMs: 0 }, { connectionId: 'b', topic: long, outcome: 'rejected' })
  telemetry.emit('channel.end', {}, { connectionId: 'c', topic: long, kind: 'left' })
  telemetry.emit('channel.crash', {}, { connectionId: 'd', topic: long, event: long, error: undefined })
  telemetry.emit('broadcast.skipped', { subscribers: 1 }, { topic: long, event: 'e', version: '1.0.0' })
  telemetry.emit('listener.failed', {}, { topic: long, error: undefined })
  assert.equal(lines.length, 6)
  for (const { fields, text } of lines) {
    assert.ok(!text.includes('x'))
    assert.equal(fields.topic, `${'x'.repeat(128)}…`)
    if (fields.event !== undefined && fields.event !== 'e') assert.equal(fields.event, `${'x'.repeat(128)}…`)
  }
})

test('what a log does not take is one line a second, which says how many were left out', () => {
  const { telemetry, lines } = logged()
  for (let n = 0; n < 50; n++)
    telemetry.emit('history.dropped', { entries: 1 }, { topic: 'room:1', error: new Error('away') })
  telemetry.emit('history.gap', { channels: 3 }, { topic: 'room:1' })
  assert.deepEqual(
    lines.map(({ fields }) => [fields.topic, fields.channels]),
    [
      ['room:1', undefined],
      ['room:1', 3],
    ],
  )
})

test('limits at which the innocent are turned away are warnings', () => {
  const { telemetry, lines } = logged()
  telemetry.emit('limit.reached', {}, { limit: 'limits.connections', ip: '10.0.0.1' })
  telemetry.emit('limit.reached', {}, { limit: 'limits.joins', connectionId: 'a' })
  assert.deepEqual(
    lines.map(({ level }) => level),
    ['warn', 'info'],
  )
})

test('a logger that has one function for all levels is written to', () => {
  const texts: string[] = []
  const write = (_fields: object, text: string): void => void texts.push(text)
  const log = { trace: write, debug: write, info: write, warn: write, error: write, fatal: write }
  const telemetry = new Telemetry()
  attachLogger(telemetry, log as unknown as FastifyBaseLogger, fakeClock())
  telemetry.emit('channel.crash', {}, { connectionId: 'a', topic: 't', event: 'e', error: new Error('x') })
  telemetry.emit(
    'connection.open',
    {},
    { connectionId: 'a', ip: '127.0.0.1', version: '2.0.0', transport: 'websocket' },
  )
  assert.deepEqual(texts, ['channel crashed', 'connection opened'])
})

test('a level that the logger does not write costs no line, and none is counted as left out', () => {
  const { telemetry, lines, log } = logged()
  let level = 'info'
  log.isLevelEnabled = (asked: string) => level === 'debug' || asked !== 'debug'
  const open = () =>
    telemetry.emit(
      'connection.open',
      {},
      { connectionId: 'a', ip: '127.0.0.1', version: '2.0.0', transport: 'websocket' },
    )
  open()
  open()
  assert.equal(lines.length, 0)
  level = 'debug'
  open()
  assert.deepEqual(
    lines.map(({ level, fields }) => [level, 'leftOut' in fields]),
    [['debug', false]],
  )
})

test('an error that cannot be printed is written again as far as it can be, and the log goes on', () => {
  const lines: Record<string, unknown>[] = []
  const app = Fastify({
    logger: { level: 'error', stream: { write: (line) => void lines.push(JSON.parse(line)) } },
  })
  const telemetry = new Telemetry()
  const failed: unknown[] = []
  telemetry.on('telemetry.failed', (_, metadata) => failed.push(metadata))
  attachLogger(telemetry, app.log, fakeClock())
  const { proxy, revoke } = Proxy.revocable(new Error('gone'), {})
  revoke()
  const thrower = (): never => {
    throw new Error('thrower')
  }
  const strange = [
    Object.defineProperty(new Error('x'), 'cause', { get: thrower, enumerable: true }),
    Object.defineProperty(new Error('x'), 'message', { get: thrower }),
    Object.defineProperty(new Error('x'), 'stack', { get: thrower }),
    Object.assign(new Error('toJSON'), { toJSON: thrower }),
    { toJSON: thrower },
    proxy,
    new Error('plain'),
  ]
  for (const [index, error] of strange.entries()) {
    const connectionId = `c${index}`
    telemetry.emit('channel.crash', {}, { connectionId, topic: 'room:1', event: 'say', error })
    assert.equal(lines.at(-1)?.connectionId, connectionId)
    assert.equal(lines.at(-1)?.msg, 'channel crashed')
  }
  assert.deepEqual(failed, [])
  assert.equal(lines.length, strange.length)
})

test('a logger that fails is not taken off, and its failure is a warning of the process', async () => {
  const { telemetry, lines, log } = logged()
  const { error: write } = log as { error: (...args: unknown[]) => void }
  const warned = once(process, 'warning')
  log.error = () => {
    throw new Error('the disk is full')
  }
  telemetry.emit('listener.failed', {}, { topic: 'a', error: new Error('x') })
  const [warning] = await warned
  assert.match(String(warning), /the disk is full/)
  log.error = write
  telemetry.emit('listener.failed', {}, { topic: 'b', error: new Error('y') })
  assert.equal(lines.length, 1)
})
