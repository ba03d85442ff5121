import { test } from 'node:test'
import fc from 'fast-check'
import { type Act, CLIENTS, type Deed, type Step, TOPICS, type Way, World } from './world.ts'

// Random schedules over sessions: async joins, a slow adapter, leaves, rejoins, broadcasts, and callbacks that leave, close,
// disconnect, stop, broadcast and track from within. Whatever happens, everybody gets one answer, and nothing stays behind.

const client = fc.nat(CLIENTS - 1)
const topic = fc.nat(TOPICS.length - 1)

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('join' as const), client, topic }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('leave' as const), client, topic }) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('push' as const),
      client,
      topic,
      event: fc.constantFrom('quick' as const, 'ask' as const, 'promise' as const, 'both' as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('drop' as const), client, topic }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('heartbeat' as const), client }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('disconnect' as const), client }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('broadcast' as const),
      topic,
      event: fc.constantFrom('plain' as const, 'rewritten' as const),
      times: fc.integer({ min: 1, max: 6 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom('open' as const, 'confirm' as const),
      count: fc.integer({ min: 1, max: 5 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('slow' as const), isSlow: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('advance' as const), ms: fc.constantFrom(10, 1_000, 10_000) }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('settle' as const) }) },
)

const deed: fc.Arbitrary<Deed> = fc.record({
  act: fc.oneof(
    { weight: 5, arbitrary: fc.constant<Act>('nothing') },
    {
      weight: 6,
      arbitrary: fc.constantFrom<Act>(
        'leave',
        'join again',
        'push',
        'disconnect',
        'drop',
        'stop',
        'broadcast',
        'rewritten broadcast',
        'tell',
        'track',
        'overload',
      ),
    },
  ),
  way: fc.oneof(
    { weight: 4, arbitrary: fc.constant<Way>('value') },
    { weight: 4, arbitrary: fc.constant<Way>('promise') },
    { weight: 1, arbitrary: fc.constantFrom<Way>('throw', 'reject', 'never') },
  ),
})

/** `BERYL_RUNS` asks for more. */
const numRuns = Number(process.env.BERYL_RUNS ?? 400)

test('whatever clients, callbacks and the adapter do, everybody gets one answer and nothing stays behind', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 5, maxLength: 60 }),
      fc.array(deed, { maxLength: 80 }),
      async (steps, deeds) => {
        const world = await World.start(deeds)
        for (const each of steps) {
          await world.run(each)
          world.checkNow()
        }
        await world.end()
        world.checkWires()
        world.checkGone()
      },
    ),
    { numRuns, includeErrorInReport: true },
  )
})
