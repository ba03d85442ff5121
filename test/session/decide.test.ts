import { strict as assert } from 'node:assert'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Message, Ref } from '../../src/protocol/message.ts'
import { decide, type HeldTopic, type Situation } from '../../src/session/decide.ts'

const nothing = undefined
const joining = (joinRef: Ref = '1'): HeldTopic => ({ isJoining: true, joinRef })
const joined = (joinRef: Ref = '1'): HeldTopic => ({ isJoining: false, joinRef })

interface Row {
  readonly what: string
  /** `[joinRef, topic, event]` */
  readonly says: readonly [Ref, unknown, unknown]
  readonly has: HeldTopic | undefined
  readonly means: Situation
}

const table: Readonly<Record<string, readonly Row[]>> = {
  'heartbeats and the topic phoenix': [
    { what: 'W61 a heartbeat', says: [null, 'phoenix', 'heartbeat'], has: nothing, means: 'heartbeat' },
    {
      what: 'W61 a heartbeat with a join_ref',
      says: ['7', 'phoenix', 'heartbeat'],
      has: nothing,
      means: 'heartbeat',
    },
    { what: 'W62 another event', says: [null, 'phoenix', 'ping'], has: nothing, means: 'unmatched' },
    {
      what: 'W62 a leave of it',
      says: [null, 'phoenix', 'phx_leave'],
      has: nothing,
      means: 'leave_unjoined',
    },
    {
      what: 'W62 a heartbeat elsewhere',
      says: [null, 'room:1', 'heartbeat'],
      has: nothing,
      means: 'unmatched',
    },
    {
      what: 'W49 a heartbeat to a channel',
      says: ['1', 'room:1', 'heartbeat'],
      has: joined(),
      means: 'reserved_event',
    },
    // The router knows no channel for it.
    { what: 'W22 a join of it', says: ['1', 'phoenix', 'phx_join'], has: nothing, means: 'join' },
  ],
  'a topic that is not joined': [
    { what: 'W19 a join', says: ['1', 'room:1', 'phx_join'], has: nothing, means: 'join' },
    {
      what: 'W29 a join without a join_ref',
      says: [null, 'room:1', 'phx_join'],
      has: nothing,
      means: 'join',
    },
    { what: 'W37 a push', says: ['1', 'room:1', 'say'], has: nothing, means: 'unmatched' },
    {
      what: 'W37 a push without a join_ref',
      says: [null, 'room:1', 'say'],
      has: nothing,
      means: 'unmatched',
    },
    { what: 'W49 a reserved event', says: ['1', 'room:1', 'phx_close'], has: nothing, means: 'unmatched' },
    { what: 'W55 a leave', says: ['1', 'room:1', 'phx_leave'], has: nothing, means: 'leave_unjoined' },
  ],
  'a topic whose join is being decided': [
    { what: 'W26 a push', says: ['1', 'room:1', 'say'], has: joining(), means: 'wait' },
    {
      what: 'W26 a push to an earlier join: it is stale in its turn',
      says: ['0', 'room:1', 'say'],
      has: joining(),
      means: 'wait',
    },
    { what: 'W26 a leave', says: ['1', 'room:1', 'phx_leave'], has: joining(), means: 'wait' },
    { what: 'W24 a second join', says: ['2', 'room:1', 'phx_join'], has: joining(), means: 'wait' },
    { what: 'W26 a reserved event', says: ['1', 'room:1', 'phx_error'], has: joining(), means: 'wait' },
  ],
  'a topic that is joined': [
    { what: 'W32 a push', says: ['1', 'room:1', 'say'], has: joined(), means: 'push' },
    { what: 'W35 a push without a join_ref', says: [null, 'room:1', 'say'], has: joined(), means: 'push' },
    {
      what: 'W36 a push that crossed the end of an earlier join',
      says: ['0', 'room:1', 'say'],
      has: joined(),
      means: 'stale',
    },
    {
      what: 'W28 a push with a number for the string',
      says: [1, 'room:1', 'say'],
      has: joined(),
      means: 'stale',
    },
    { what: 'W15 a push with an empty join_ref', says: ['', 'room:1', 'say'], has: joined(), means: 'stale' },
    {
      what: 'W28 a push with an object that is equal',
      says: [{ a: 1 }, 'room:1', 'say'],
      has: joined({ a: 1 }),
      means: 'push',
    },
    {
      what: 'W29 a push with the ref of a join without a join_ref',
      says: ['5', 'room:1', 'say'],
      has: joined(null),
      means: 'stale',
    },
    {
      what: 'W29 a push without one to a join without one',
      says: [null, 'room:1', 'say'],
      has: joined(null),
      means: 'push',
    },
    { what: 'W24 a second join', says: ['2', 'room:1', 'phx_join'], has: joined(), means: 'duplicate_join' },
    {
      what: 'W24 a second join with the same join_ref',
      says: ['1', 'room:1', 'phx_join'],
      has: joined(),
      means: 'duplicate_join',
    },
    { what: 'W54 a leave', says: ['1', 'room:1', 'phx_leave'], has: joined(), means: 'leave' },
    {
      what: 'W57 a leave without a join_ref',
      says: [null, 'room:1', 'phx_leave'],
      has: joined(),
      means: 'leave',
    },
    {
      what: 'W56 a leave of an earlier join',
      says: ['0', 'room:1', 'phx_leave'],
      has: joined(),
      means: 'stale',
    },
    {
      what: 'W49 an event of the protocol',
      says: ['1', 'room:1', 'phx_reply'],
      has: joined(),
      means: 'reserved_event',
    },
    {
      what: 'W49 one of presence',
      says: [null, 'room:1', 'presence_diff'],
      has: joined(),
      means: 'reserved_event',
    },
    { what: 'W36 one to an earlier join', says: ['0', 'room:1', 'phx_reply'], has: joined(), means: 'stale' },
    { what: 'W50 the empty event', says: ['1', 'room:1', ''], has: joined(), means: 'push' },
    { what: 'W50 no event', says: ['1', 'room:1', null], has: joined(), means: 'push' },
    { what: 'W50 an event that is an object', says: ['1', 'room:1', { a: 1 }], has: joined(), means: 'push' },
  ],
  'a topic that is no string': [
    { what: 'W18 a join of null', says: ['1', null, 'phx_join'], has: nothing, means: 'unmatched' },
    { what: 'W18 a join of a number', says: ['1', 5, 'phx_join'], has: nothing, means: 'unmatched' },
    { what: 'W18 a join of an array', says: ['1', ['a'], 'phx_join'], has: nothing, means: 'unmatched' },
    { what: 'W18 a join of an object', says: ['1', { a: 1 }, 'phx_join'], has: nothing, means: 'malformed' },
    { what: 'W18 a push to an object', says: ['1', { a: 1 }, 'say'], has: nothing, means: 'unmatched' },
    {
      what: 'W55 a leave of an object',
      says: ['1', { a: 1 }, 'phx_leave'],
      has: nothing,
      means: 'leave_unjoined',
    },
  ],
}

function message(joinRef: Ref, topic: unknown, event: unknown): Message {
  return { joinRef, ref: '9', topic, event, payload: {} }
}

for (const [topic, rows] of Object.entries(table)) {
  describe(topic, () => {
    for (const { what, says, has, means } of rows) {
      test(`${what} means ${means}`, () => assert.equal(decide(message(...says), has), means))
    }
  })
}

const anything = fc.oneof(
  fc.constantFrom('phoenix', 'room:1', 'heartbeat', 'phx_join', 'phx_leave', 'phx_reply', 'say', '1', null),
  fc.jsonValue(),
)
const held = fc.option(fc.record({ isJoining: fc.boolean(), joinRef: anything }), { nil: undefined })

test('whatever comes has a meaning, and the payload and the ref have no part in it', () => {
  fc.assert(
    fc.property(anything, anything, anything, anything, held, (joinRef, topic, event, other, has) => {
      const meaning = decide({ joinRef, ref: '1', topic, event, payload: {} }, has)
      assert.equal(decide({ joinRef, ref: other, topic, event, payload: other }, has), meaning)
      assert.match(meaning, /^[a-z_]+$/)
    }),
  )
})

test('W36 a message with a wrong join_ref never reaches a channel, unless it is a join', () => {
  fc.assert(
    fc.property(anything, anything, (topic, event) => {
      const meaning = decide(message('wrong', topic, event), joined('right'))
      assert.ok(['stale', 'duplicate_join', 'heartbeat'].includes(meaning), meaning)
    }),
  )
})
