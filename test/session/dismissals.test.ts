import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Type } from 'typebox'
import { type ChannelDefinition, defineChannel } from '../../src/index.ts'
import { SessionStage, type StageClient, short } from '../support/session-stage.ts'

// `channels.leave({ topic })`: all who are on the topic, however far their join has come, and nobody else.

const Any = Type.Unknown()
const room = (join: () => unknown, snapshot?: () => Promise<unknown>): ChannelDefinition =>
  defineChannel('room:*', {
    schema: { join: { payload: Any, reply: Any } },
    join: join as () => { assigns: object },
    ...(snapshot && { snapshot }),
  }) as ChannelDefinition

const joined = { assigns: {} }
const never = (): Promise<never> => new Promise(() => {})

const lines = ({ wire }: StageClient): string[] => wire.lines.map(short)

async function joining(definition: ChannelDefinition, isSlow = false): Promise<[SessionStage, StageClient]> {
  const stage = await SessionStage.start({ channels: [definition] })
  stage.adapter.isSlow = isSlow
  const client = stage.connect()
  client.says('1', '1', 'room:1', 'phx_join')
  await stage.settle()
  return [stage, client]
}

const DISMISSED = ['1 reply error dismissed', '1 close']

for (const [what, definition, isSlow] of [
  ['is being decided', room(never), false],
  ['waits for the adapter', room(() => joined), true],
  ['reads its snapshot', room(() => joined, never), false],
] as const)
  test(`a join that ${what} is dismissed with its topic alone, once`, async () => {
    const [stage, client] = await joining(definition, isSlow)
    stage.sessions?.dismiss({ topic: 'room:2' }, undefined)
    await stage.settle()
    assert.deepEqual(lines(client), [])
    for (let twice = 0; twice < 2; twice++) stage.sessions?.dismiss({ topic: 'room:1' }, undefined)
    await stage.settle()
    assert.deepEqual(lines(client), DISMISSED)
  })

test('a join is dismissed by its own callback, which gives no promise', async () => {
  const stages: SessionStage[] = []
  const dismiss = (): object => {
    stages[0]?.sessions?.dismiss({ topic: 'room:1' }, undefined)
    return joined
  }
  const stage = await SessionStage.start({ channels: [room(dismiss)] })
  stages.push(stage)
  const client = stage.connect()
  client.says('1', '1', 'room:1', 'phx_join')
  await stage.settle()
  assert.deepEqual(lines(client), DISMISSED)
})

test('of many, those who have joined and those who ask are dismissed; who has left or is gone is not, nor who is elsewhere', async () => {
  const [stage, first] = await joining(room(() => joined))
  const others = Array.from({ length: 4 }, () => stage.connect())
  const [second, left, gone, elsewhere] = others as [StageClient, StageClient, StageClient, StageClient]
  stage.adapter.isSlow = true
  for (const client of [second, left, gone]) client.says('1', '1', 'room:1', 'phx_join')
  elsewhere.says('1', '1', 'room:2', 'phx_join')
  const asks = [stage.connect(), stage.connect()]
  for (const client of asks) client.says('1', '1', 'room:3', 'phx_join')
  left.says('1', '2', 'room:1', 'phx_leave')
  gone.session.disconnected(1006)
  await stage.settle()
  const before = lines(left).length
  for (const topic of ['room:1', 'room:3']) stage.sessions?.dismiss({ topic }, 'over')
  await stage.settle()
  for (const client of [first, second]) assert.deepEqual(lines(client), ['1 reply ok', '1 close over'])
  for (const client of asks) assert.deepEqual(lines(client), ['1 reply error dismissed', '1 close over'])
  assert.equal(lines(left).length, before)
  for (const client of [gone, elsewhere]) assert.ok(!lines(client).includes('1 close over'))
  assert.deepEqual([stage.subscribers('room:1'), stage.subscribers('room:2')], [0, 1])
  assert.deepEqual(stage.crashes, [])
})
