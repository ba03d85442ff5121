import assert from 'node:assert/strict'
import { test } from 'node:test'
import { noFaults } from '../../bench/load/ledger.ts'
import type { InterestSample } from '../../bench/measure/bench-interest.ts'
import type { Sample, WorkloadResult } from '../../bench/measure/bench-workload.ts'
import { matchStamps } from '../../bench/measure/stamps.ts'
import { readOptions } from '../../bench/options.ts'
import { targetTable } from '../../bench/report/cluster.ts'

const SENT: [number, number][] = [
  [1, 10],
  [2, 20],
  [3, 30],
]

function matched(heard: [number, number][]) {
  const took: number[] = []
  return { ...matchStamps(SENT, heard, (us) => took.push(us)), took }
}

test('between nodes each message is matched with the time of its broadcast', () => {
  const heard: [number, number][] = [
    [1, 12],
    [2, 25],
    [3, 31],
  ]
  assert.deepEqual(matched(heard), { lost: 0, doubled: 0, outOfOrder: 0, took: [2, 5, 1] })
})

test('between nodes a message that is lost, comes twice, or overtakes another is a fault', () => {
  assert.equal(matched([[1, 12]]).lost, 2)
  const twice = matched([...SENT, [3, 40]])
  assert.deepEqual([twice.lost, twice.doubled], [0, 1])
  const [first, second, third] = SENT as [[number, number], [number, number], [number, number]]
  assert.deepEqual(matched([second, first, third]).outOfOrder, 1)
})

function sample(totalUs: number, faults = noFaults()): Sample {
  const latencyMs = { p50: 1, p90: 1, p99: 1, max: 1 }
  const rest = { userUs: 0, systemUs: 0, wallMs: 0, serverBusy: 0, loadBusy: 0, latencyMs }
  return { operations: 1, totalUs, faults, ...rest }
}

function receiving(beryl: Sample[], others: Sample[]): WorkloadResult {
  return { id: 'receiving', title: '', unit: 'delivery', samples: { 'socket.io': others, beryl } }
}

function tableOf(beryl: Sample[], others: Sample[]): string {
  return targetTable({ results: [receiving(beryl, others)], interest: [] })
}

test('the ratio to a target is taken within each round', () => {
  // Medians of 2 and 4 µs would make 0.5; the rounds make 0.8, 0.1 and 0.9.
  const table = tableOf([sample(8), sample(1), sample(0.9)], [sample(10), sample(10), sample(1)])
  assert.match(table, /\*\*0\.800\*\* \(0\.100–0\.900\) \| 0\.9 \|/)
})

test('a target that is missed is said to be', () => {
  assert.match(tableOf([sample(2)], [sample(2)]), /\| 0\.9: \*\*missed\*\* \|/)
})

test('a message that is lost at either of two voids their figures', () => {
  const faulty = sample(1, { ...noFaults(), lost: 3 })
  for (const table of [tableOf([faulty], [sample(2)]), tableOf([sample(1)], [faulty])]) {
    assert.match(table, /\| VOID: 3 lost \|/)
    assert.doesNotMatch(table, /\*\*/)
  }
})

test('interest is what a topic costs more with a broker than without, and void where the broker did not see it', () => {
  const alone = { joinUs: 30, leaveUs: 10, bytes: 600 }
  const connected = { joinUs: 50, leaveUs: 45, bytes: 1_100 }
  const tableWith = (missed: number) => {
    const interest: InterestSample[] = [{ alone, connected, missed }]
    return targetTable({ results: [], interest })
  }
  assert.match(
    tableWith(0),
    /join \| \*\*20\.0\*\* .* \| 30 \|\n.*leave \| \*\*35\.0\*\* .* \| 30: \*\*missed\*\* \|\n.*\| \*\*500\*\* /,
  )
  assert.equal(tableWith(2).match(/VOID: 2 topics/g)?.length, 3)
})

for (const [argv, said] of [
  [['--cluster', '--growth'], /--growth and --cluster: wanted one of them/],
  [['--cluster', '--peers=ws'], /--peers has no effect on --cluster/],
  [['--cluster', '--only=echo'], /no part "echo"; there are receiving, sending, latency, interest, workers/],
] as const) {
  test(`the bench refuses ${argv.join(' ')}`, () => {
    assert.throws(() => readOptions(argv), said)
  })
}
