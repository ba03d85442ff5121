import { strict as assert } from 'node:assert'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { fitsName } from '../../src/ground/name.ts'
import { isReservedEvent, matchTopic, parsePattern } from '../../src/protocol/topic.ts'

describe('a pattern', () => {
  for (const { source, prefix, wildcard } of [
    { source: 'lobby', prefix: 'lobby', wildcard: false },
    { source: 'room:*', prefix: 'room:', wildcard: true },
    { source: 'room*', prefix: 'room', wildcard: true },
    { source: '*', prefix: '', wildcard: true },
    { source: 'phoenix:*', prefix: 'phoenix:', wildcard: true },
    { source: 'ç ☃', prefix: 'ç ☃', wildcard: false },
  ]) {
    test(`${source} is ${wildcard ? 'a prefix' : 'an exact topic'}`, () => {
      assert.deepEqual(parsePattern(source), { source, prefix, wildcard })
    })
  }

  for (const { source, wanted } of [
    { source: '', wanted: 'a non-empty string such as "lobby" or "room:*"' },
    { source: undefined, wanted: 'a non-empty string such as "lobby" or "room:*"' },
    { source: 5, wanted: 'a non-empty string such as "lobby" or "room:*"' },
    { source: 'phoenix', wanted: 'another topic: "phoenix" belongs to the protocol' },
    { source: '*:room', wanted: 'a "*" only at the end, once' },
    { source: 'room:*:x', wanted: 'a "*" only at the end, once' },
    { source: 'room:**', wanted: 'a "*" only at the end, once' },
    { source: 'é'.repeat(128), wanted: 'at most 255 bytes' },
  ]) {
    test(`${JSON.stringify(source)?.slice(0, 20)} is refused: wanted ${wanted}`, () => {
      assert.throws(
        () => parsePattern(source),
        (error: Error & { code?: string }) =>
          error.code === 'BERYL_ERR_CHANNEL_INVALID' &&
          error.message.includes(`pattern: wanted ${wanted}, got`),
      )
    })
  }
})

describe('matching', () => {
  for (const { pattern, topic, id } of [
    { pattern: 'lobby', topic: 'lobby', id: '' },
    { pattern: 'lobby', topic: 'lobby2', id: undefined },
    { pattern: 'lobby', topic: 'Lobby', id: undefined },
    { pattern: 'room:*', topic: 'room:1', id: '1' },
    { pattern: 'room:*', topic: 'room:', id: '' },
    { pattern: 'room:*', topic: 'room', id: undefined },
    { pattern: 'room:*', topic: 'room:a:b:ç ☃*', id: 'a:b:ç ☃*' },
    { pattern: 'room:*', topic: 'xroom:1', id: undefined },
    { pattern: 'room:*', topic: 'room:*', id: '*' },
    { pattern: '*', topic: 'anything', id: 'anything' },
    { pattern: '*', topic: '', id: '' },
  ]) {
    const outcome = id === undefined ? 'does not match' : `gives ${JSON.stringify(id)} of`
    test(`W23 ${pattern} ${outcome} ${JSON.stringify(topic)}`, () => {
      assert.equal(matchTopic(parsePattern(pattern), topic), id)
    })
  }

  test('a prefix and what its * stands for make up the topic again', () => {
    const part = fc.string({ unit: 'binary', maxLength: 20 }).filter((text) => !text.includes('*'))
    fc.assert(
      fc.property(part, part, (prefix, id) => {
        assert.equal(matchTopic(parsePattern(`${prefix}*`), prefix + id), id)
      }),
    )
  })
})

describe('a name', () => {
  for (const { what, name, fits } of [
    { what: 'of 255 bytes of one', name: 'x'.repeat(255), fits: true },
    { what: 'of 256 bytes of one', name: 'x'.repeat(256), fits: false },
    { what: 'of 254 bytes of two', name: 'é'.repeat(127), fits: true },
    { what: 'of 256 bytes of two', name: 'é'.repeat(128), fits: false },
    { what: 'of 255 bytes of three', name: '☃'.repeat(85), fits: true },
    { what: 'of 258 bytes of three', name: '☃'.repeat(86), fits: false },
    { what: 'of 252 bytes of four', name: '😀'.repeat(63), fits: true },
    { what: 'of 256 bytes of four', name: '😀'.repeat(64), fits: false },
    { what: 'that is empty', name: '', fits: true },
  ]) {
    test(`W31 ${what} ${fits ? 'fits' : 'does not fit'} one length byte`, () => {
      assert.equal(fitsName(name), fits)
    })
  }

  test('W31 fits where its bytes do, whatever the limit', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.nat(60), (name, maxBytes) => {
        assert.equal(fitsName(name, maxBytes), Buffer.byteLength(name) <= maxBytes)
      }),
    )
  })
})

describe('W49 the events of the protocol', () => {
  for (const event of [
    'phx_join',
    'phx_',
    'phx_anything',
    'heartbeat',
    'presence_state',
    'presence_diff',
    'disconnect',
    '$resume',
  ]) {
    test(`${event} is one`, () => assert.equal(isReservedEvent(event), true))
  }

  for (const event of [
    '',
    'phx',
    'PHX_JOIN',
    'presence',
    'presence_states',
    'heartbeats',
    'say',
    'constructor',
  ]) {
    test(`${JSON.stringify(event)} is none`, () => assert.equal(isReservedEvent(event), false))
  }
})
