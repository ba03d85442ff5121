import type { TestContext } from 'node:test'
import fc from 'fast-check'

/** `PROPERTY_RUNS=100` plays each property a hundred times as often. */
export const FACTOR = Number(process.env.PROPERTY_RUNS ?? 1)

/** Holds a property against many values; a failure names the seed and the smallest value that shows it. */
export function check<T>(
  t: TestContext,
  numRuns: number,
  arbitrary: fc.Arbitrary<T>,
  run: (value: T) => void,
): void {
  const details = fc.check(fc.property(arbitrary, run), { numRuns: numRuns * FACTOR })
  if (details.failed)
    throw new Error(
      `seed ${details.seed}: ${JSON.stringify(details.counterexample)}: ${details.errorInstance}`,
    )
  t.diagnostic(`${details.numRuns} runs`)
}
