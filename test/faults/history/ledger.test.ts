import assert from 'node:assert/strict'
import { test } from 'node:test'
import { judge, type Segment, type Truth, type Verdict } from './ledger.ts'

// The ledger finds what it is for.

const writer = 'w'

const entry = (offset: number, n = offset, epoch = 'b') => ({ epoch, offset, writer, n })

/** Five entries of one writer, in two epochs: of the first one two are good, and two more are gone. */
const truth: Truth = {
  epoch: 'b',
  offset: 5,
  previous: [{ epoch: 'a', offset: 2 }],
  entries: [1, 2, 5, 6, 7].map((n) => ({ writer, n })),
}
const accepted = [
  ...[1, 2, 3, 4].map((offset) => ({ epoch: 'a', offset })),
  ...[3, 4, 5].map((offset) => ({ epoch: 'b', offset })),
]

function verdictOn(segments: readonly Segment[], written = accepted): Verdict {
  const books = [{ topic: 't', segments }]
  return judge(books, new Map([['t', truth]]), new Map([['t', new Map([[writer, written]])]]))
}

const NOTHING = {
  lost: 0,
  doubled: 0,
  reordered: 0,
  foreign: 0,
  marks: 0,
  needless: 0,
  gone: 2,
  dropped: 0,
}
const good = [entry(1, 1, 'a'), entry(2, 2, 'a'), entry(3, 5), entry(4, 6), entry(5, 7)]
const start = { epoch: 'a', offset: 0 }

for (const [title, segments, found] of [
  ['what goes on over a failover', [{ ...start, taken: good }], { received: 5 }],
  [
    'a mark where what a client had is gone',
    [
      { ...start, taken: [...good.slice(0, 2), entry(3, 3, 'a')] },
      { epoch: 'b', offset: 2, taken: good.slice(2) },
    ],
    { received: 6, marks: 1 },
  ],
  [
    'what is written again after it was gone',
    [
      { ...start, taken: [...good.slice(0, 2), entry(3, 5, 'a')] },
      { epoch: 'b', offset: 2, taken: good.slice(2) },
    ],
    { received: 6, marks: 1 },
  ],
  [
    'a mark for nothing',
    [
      { ...start, taken: good.slice(0, 3) },
      { epoch: 'b', offset: 4, taken: good.slice(4) },
    ],
    { received: 4, marks: 1, needless: 1 },
  ],
  ['the last one is missing', [{ ...start, taken: good.slice(0, 4) }], { received: 4, lost: 1 }],
  [
    'one between is missing, and its offset with it',
    [{ ...start, taken: [...good.slice(0, 3), good[4] as never] }],
    { received: 4, lost: 2 },
  ],
  [
    'one comes twice, with an offset of its own',
    [{ ...start, taken: [...good.slice(0, 3), entry(4, 5), entry(5, 7)] }],
    { received: 5, doubled: 1, foreign: 1, lost: 1 },
  ],
  [
    'two are out of order',
    [{ ...start, taken: [...good.slice(0, 3), entry(4, 7), entry(5, 6)] }],
    { received: 5, reordered: 1, foreign: 2, lost: 1 },
  ],
  [
    'the same offset again',
    [{ ...start, taken: [...good, entry(5, 7)] }],
    { received: 6, reordered: 1, doubled: 1 },
  ],
] as [string, Segment[], Partial<Verdict>][]) {
  test(`the ledger: ${title}`, () => assert.deepEqual(verdictOn(segments), { ...NOTHING, ...found }))
}

test('the ledger: an entry that was accepted and is not in the log', () => {
  const { dropped } = verdictOn([{ ...start, taken: good }], [...accepted, { epoch: 'b', offset: 4 }])
  assert.equal(dropped, 1)
})
