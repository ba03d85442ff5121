import assert from 'node:assert/strict'
import { test } from 'node:test'
import { guide } from './guide-client.ts'

test('H9 an entry that a given-up join is still told moves nothing', () => {
  const handlers = new Map<string, (payload: unknown, ref: string | null) => void>()
  let payload = (): { $resume: unknown } => ({ $resume: undefined })
  let ok: (reply: unknown) => void = () => {}
  const push = {
    receive(_: string, callback: typeof ok) {
      ok = callback
      return push
    },
  }
  const channel = {
    state: 'joined',
    on: (event: string, callback: (payload: unknown, ref: string | null) => void) =>
      void handlers.set(event, callback),
    join: () => push,
  }
  const socket = {
    channel(_: string, params: typeof payload) {
      payload = params
      return channel
    },
  }
  const took: unknown[] = []
  guide.resumingChannel(socket as never, 'room:1').onEntry('said', (entry) => void took.push(entry))
  ok({ $resume: { epoch: 'e', offset: 5, recovered: false } })
  handlers.get('said')?.(6, '@6')
  // The connection broke; its next join timed out here, and was answered there: not recovered, 40 are gone.
  channel.state = 'errored'
  handlers.get('said')?.(47, '@47')
  handlers.get('$resume')?.({ epoch: 'e', offset: 48 }, null)
  assert.deepEqual(payload().$resume, { epoch: 'e', offset: 6 })
  assert.deepEqual(took, [6])
})
