import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { fakeClock } from 'fastify-beryl/testing'
import { readBody } from '../../src/transport/longpoll/body.ts'
import type { BodyRoom } from '../../src/transport/longpoll/body-budget.ts'
import { Pollers } from '../../src/transport/longpoll/pollers.ts'
import { check } from '../support/property.ts'

const MEBIBYTE = 1_048_576

test('W111 a binary frame may be as long as limits.payloadBytes lets it', () => {
  for (const bytes of [4 * MEBIBYTE, 32 * MEBIBYTE]) {
    const data = Buffer.alloc(bytes, 1)
    const batch = readBody(Buffer.from(data.toString('base64')), true, bytes)
    assert.ok(typeof batch !== 'number')
    assert.ok(batch.frames[0]?.data.equals(data))
  }
})

test('W113 a line is base64 as RFC 4648 has it, padded, or nothing of it is taken', (t) => {
  const strict = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
  const letter = fc.constantFrom('A', 'Q', 'z', '9', '+', '/', '=', '=', '-', '_', ' ', '!', '\u00e9', '\0')
  check(t, 3_000, fc.array(letter, { minLength: 1, maxLength: 9 }), (letters) => {
    const text = letters.join('')
    const batch = readBody(Buffer.from(text, 'latin1'), true, 1_000)
    assert.equal(typeof batch !== 'number', strict.test(text), JSON.stringify(text))
  })
})

/** A body that has room, as it should be counted. */
interface Counted {
  readonly session: string
  readonly mebibytes: number
  readonly since: number
  readonly room: BodyRoom
  isReading: boolean
}

test('W130 the bodies of a session count together, also where it is on another node', (t) => {
  const step = fc.oneof(
    fc.record({
      session: fc.constantFrom('other.1', 'other.2', 'other.3'),
      mebibytes: fc.constantFrom(0, 0, 40, 60, 100),
    }),
    fc.record({ arrived: fc.nat(5) }),
    fc.record({ released: fc.nat(5) }),
    fc.record({ passed: fc.constantFrom(1_000, 5_000) }),
  )
  const steps = fc.array(step, { maxLength: 40, size: 'max' })
  const sum = (bodies: readonly Counted[]): number => bodies.reduce((all, each) => all + each.mebibytes, 0)
  check(t, 2_000, steps, (steps) => {
    let now = 0
    const clock = { ...fakeClock(0), now: () => now }
    const options = { windowMs: 1_000, pubsubTimeoutMs: 1_000, secret: undefined, path: '/socket' }
    const pollers = new Pollers({ ...options, clock, payloadBytes: MEBIBYTE })
    let counted: Counted[] = []
    const take = (session: string, mebibytes: number): void => {
      const ofSession = sum(counted.filter((each) => each.session === session))
      const room = pollers.room(session, mebibytes * MEBIBYTE, { destroy: () => {} })
      if (ofSession + mebibytes > 100) return assert.equal(room, 429)
      while (sum(counted) + mebibytes > 256) {
        const oldest = counted.find((each) => each.isReading)
        if (oldest === undefined || oldest.since > now - 5_000) return assert.equal(room, 503)
        counted = counted.filter((each) => each !== oldest)
      }
      assert.ok(typeof room !== 'number', `${room}`)
      counted.push({ session, mebibytes, since: now, room, isReading: true })
    }
    for (const each of steps) {
      if ('session' in each) take(each.session, each.mebibytes)
      else if ('passed' in each) now += each.passed
      else if ('arrived' in each) {
        const body = counted[each.arrived]
        body?.room.arrived()
        if (body !== undefined) body.isReading = false
      } else counted.splice(each.released, 1)[0]?.room.release()
    }
  })
})
