import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type ChannelDefinition, defineChannel } from 'fastify-beryl'
import { Router } from '../../src/channel/router.ts'
import { matchTopic, parsePattern } from '../../src/protocol/topic.ts'

function channel(pattern: string): ChannelDefinition {
  return defineChannel(pattern as 'any', { schema: {}, join: () => ({ assigns: undefined }) })
}

function routerOf(patterns: readonly string[]): Router {
  const router = new Router()
  for (const pattern of patterns) router.register(channel(pattern))
  return router
}

const found = (router: Router, topic: string): string | undefined => router.match(topic)?.pattern.source

test('an exact pattern wins over every prefix, and the longest prefix over shorter ones', () => {
  const router = routerOf(['*', 'room:*', 'room:vip:*', 'room:1', 'lobby'])
  assert.equal(found(router, 'room:1'), 'room:1')
  assert.equal(found(router, 'room:2'), 'room:*')
  assert.equal(found(router, 'room:vip:2'), 'room:vip:*')
  assert.equal(found(router, 'lobby'), 'lobby')
  assert.equal(found(router, 'lobby2'), '*')
  assert.equal(found(router, ''), '*')
})

test('a * matches nothing, too, and whatever characters there are', () => {
  const router = routerOf(['room:*'])
  for (const topic of ['room:', 'room:a:b', 'room:*', 'room:日本', 'room:\n']) {
    assert.equal(found(router, topic), 'room:*')
  }
  for (const topic of ['room', 'Room:1', ' room:1', '']) assert.equal(found(router, topic), undefined)
})

test('no channel answers on the topic of heartbeats, not even "*"', () => {
  assert.equal(found(routerOf(['*']), 'phoenix'), undefined)
})

test('the same pattern twice is refused, exact or with a prefix', () => {
  const router = routerOf(['room:*', 'room:'])
  for (const pattern of ['room:*', 'room:']) {
    assert.throws(() => router.register(channel(pattern)), {
      code: 'BERYL_ERR_CHANNEL_DUPLICATE',
      message: `channel '${pattern}' is registered already: each pattern has one definition`,
    })
  }
})

test('what defineChannel did not make is refused, also where it looks the same', () => {
  const made = channel('room:*')
  for (const fake of [{ ...made }, Object.create(made)]) {
    assert.throws(() => new Router().register(fake as ChannelDefinition), {
      code: 'BERYL_ERR_CHANNEL_INVALID',
      message: /wanted what defineChannel\(…\) returns/,
    })
  }
})

test('the most specific pattern wins whatever the order of registration', () => {
  const patterns = fc
    .uniqueArray(fc.stringMatching(/^[ab:]{1,4}\*?$|^\*$/), { minLength: 1, maxLength: 8 })
    .chain((names) => fc.shuffledSubarray(names, { minLength: names.length }))
  fc.assert(
    fc.property(patterns, fc.stringMatching(/^[ab:]{0,6}$/), (names, topic) => {
      const [best] = names
        .map(parsePattern)
        .filter((pattern) => matchTopic(pattern, topic) !== undefined)
        .sort((a, b) => Number(a.wildcard) - Number(b.wildcard) || b.prefix.length - a.prefix.length)
      assert.equal(found(routerOf(names), topic), best?.source)
    }),
    { numRuns: 300 },
  )
})

test('what the * stands for is the rest of the topic; an exact pattern has none', () => {
  assert.equal(matchTopic(parsePattern('room:*'), 'room:a:b'), 'a:b')
  assert.equal(matchTopic(parsePattern('*'), 'all'), 'all')
  assert.equal(matchTopic(parsePattern('lobby'), 'lobby'), '')
  assert.equal(matchTopic(parsePattern('lobby'), 'lobby2'), undefined)
})
