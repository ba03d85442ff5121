import { strict as assert } from 'node:assert'
import { after, before, describe, test } from 'node:test'
import { readRows } from './notation.ts'
import { play } from './player.ts'
import { RawClient } from './raw-client.ts'
import { RecordedServer } from './recorded-server.ts'
import type { Scenario } from './transcript.ts'

const row = (...lines: string[]): Scenario => {
  const [scenario] = readRows(['player a scenario', ...lines.map((line) => `  ${line}`)].join('\n'))
  return scenario as Scenario
}

describe('the player', () => {
  let server: RecordedServer
  before(async () => {
    server = await RecordedServer.start()
  })
  after(() => server.stop())

  const fails = (scenario: Scenario, message: RegExp): Promise<void> =>
    assert.rejects(play(server, scenario), { name: 'AssertionError', message })

  test('notices a reply that is not the recorded one', () =>
    fails(
      row(
        'JOIN',
        '> ["1","2","room:1","echo",{"a":1}]',
        '< ["1","2","room:1","phx_reply",{"response":{"a":2},"status":"ok"}]',
      ),
      /expected .*"a":2.* got .*"a":1/s,
    ))

  test('notices what comes where nothing was recorded', () =>
    fails(row('JOIN', '> ["1","2","room:1","push",{"a":1}]', 'quiet'), /expected .*quiet.* got .*pushed/s))

  test('notices what comes behind the last step', () =>
    fails(
      row('JOIN', '> ["1","2","room:1","push_reply",{"a":1}]', '< ["1",null,"room:1","pushed",{"a":1}]'),
      /phx_reply/,
    ))

  test('notices another order', () =>
    fails(
      row(
        'JOIN',
        '> ["1","2","room:1","push_reply",{"a":1}]',
        '< ["1","2","room:1","phx_reply",{"response":{"a":1},"status":"ok"}]',
        '< ["1",null,"room:1","pushed",{"a":1}]',
      ),
      /expected .*phx_reply.* got .*pushed/s,
    ))

  test('pins no order where a race was recorded', () =>
    play(server, {
      ...row(
        'JOIN',
        '> ["1","2","room:1","push_reply",{"a":1}]',
        '< ["1","2","room:1","phx_reply",{"response":{"a":1},"status":"ok"}]',
        '< ["1",null,"room:1","pushed",{"a":1}]',
      ),
      varies: true,
    }))

  test('notices another close code, reason or status', async () => {
    await fails(row('> not json', 'closed 1011'), /1011.* got .*1007/s)
    await fails(row('> not json', 'closed 1007'), /got .*not JSON/s)
    await fails(row('url /socket/websocket?vsn=3.0.0', 'refused 400'), /got .*403/s)
    await fails(row('header sec-websocket-protocol: phoenix'), /sec-websocket-protocol/)
  })

  test('notices a ref of presence that is not the one it was', () =>
    fails(
      row(
        '> ["1","1","presence:1","phx_join",{}]',
        '< ["1","1","presence:1","phx_reply",{"response":{},"status":"ok"}]',
        '< ["1",null,"presence:1","presence_state",{"a":{"metas":[{"phx_ref":"A"}]}}]',
        '< [null,null,"presence:1","presence_diff",{"joins":{"a":{"metas":[{"phx_ref":"A"}]}},"leaves":{}}]',
        '> ["1","2","presence:1","update",{}]',
        '< ["1","2","presence:1","phx_reply",{"response":{"phx_ref":"A"},"status":"ok"}]',
      ),
      /got .*phx_reply/s,
    ))
})

test('W78 a server that goes closes all connections with 1012, joined or not, without a phx_close', async () => {
  const server = await RecordedServer.start()
  const client = (): RawClient =>
    new RawClient({ port: server.port, path: '/socket/websocket?vsn=2.0.0', headers: {} })
  const joined = client()
  const idle = client()
  await Promise.all([joined.next(), idle.next()])
  joined.send('["1","1","room:1","phx_join",{}]')
  await joined.next()
  await server.close()
  const closed = { t: 'close', code: 1012, reason: '', by: 'server' }
  assert.deepEqual([...joined.pending, ...idle.pending], [closed, closed])
})
