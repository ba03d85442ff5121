import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runInNewContext } from 'node:vm'
import Fastify from 'fastify'
import beryl from 'fastify-beryl'

test('a signal that fails at, or aborts by, being listened to leaves no presence behind', async (t) => {
  const app = Fastify()
  t.after(() => app.close())
  await app.register(beryl)
  await app.ready()
  const owned = (listen: (controller: AbortController) => void): AbortSignal => {
    const controller = new AbortController()
    const value = (): void => listen(controller)
    return Object.defineProperty(controller.signal, 'addEventListener', { value })
  }
  const track = (owner: AbortSignal) => () => app.presence.track('room:1', 'k', {}, { owner })
  const failing = owned(() => {
    throw new Error('no listeners')
  })
  assert.throws(track(failing), /no listeners/)
  assert.doesNotThrow(track(failing), 'nothing of the first try is left')
  app.presence.untrackAll(failing)
  assert.throws(track(owned((controller) => controller.abort())), { code: 'BERYL_ERR_PRESENCE_OWNER_ENDED' })
  assert.equal(app.presence.count('room:1'), 0)
})

test('an owner whose signal cannot be asked is refused, and a meta of another realm is a meta', async (t) => {
  const app = Fastify()
  t.after(() => app.close())
  await app.register(beryl)
  await app.ready()
  const unreadable = [
    Object.create(AbortSignal.prototype) as AbortSignal,
    Object.defineProperty({ id: '1', topic: 'room:1' }, 'signal', {
      get() {
        throw new Error('no signal')
      },
    }),
  ]
  for (const owner of unreadable)
    assert.throws(() => app.presence.track('room:1', 'k', {}, { owner }), {
      code: 'BERYL_ERR_PRESENCE_INVALID',
    })
  assert.equal(app.presence.count('room:1'), 0)
  const { signal } = new AbortController()
  app.presence.track('room:1', 'k', runInNewContext('({})') as object, { owner: signal })
  assert.equal(app.presence.count('room:1'), 1)
})
