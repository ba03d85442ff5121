import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  decodeMessage,
  encodeMessage,
  type PresenceMessage,
  type RowsMessage,
} from '../../src/presence/messages.ts'
import { makeRow } from '../../src/presence/row.ts'
import { ByteReader, ByteWriter } from '../../src/replication/bytes.ts'

const incarnation = { generation: 300, nonce: 5 }
const nobody = { generation: 0, nonce: 0 }

function hex(message: PresenceMessage): string {
  return Buffer.from(encodeMessage(message)).toString('hex')
}

function textHex(value: string): string {
  return Buffer.from(new ByteWriter().text(value).finish()).toString('hex')
}

function joined(...parts: string[]): string {
  return parts.join('')
}

// magic version kind | generation nonce
const head = (kind: string): string => `6201${kind}ac0205`

test('golden bytes: a heartbeat', () => {
  const vector = new Map([['b', { incarnation: { generation: 1, nonce: 2 }, sequence: 3 }]])
  // greeting, sequence, one node | its name, generation, nonce, sequence
  const bytes = joined(head('01'), '01', '8001', '01', '0262', '01', '02', '03')
  assert.equal(hex({ kind: 'heartbeat', incarnation, greeting: true, sequence: 128, vector }), bytes)
})

test('golden bytes: changes', () => {
  const first = makeRow({ topic: 't', key: 'k', owner: 7, ref: 'r1', json: '{"n":1}' })
  const second = makeRow({ topic: 't', key: 'k2', owner: 7, ref: 'r2', previousRef: 'r1', json: '{}' })
  const message: PresenceMessage = {
    kind: 'changes',
    incarnation,
    answers: nobody,
    after: 4,
    upTo: 8,
    until: 9,
    gone: [1, 3],
    rows: [
      { ...first, dot: 5 },
      { ...second, dot: 8 },
    ],
  }
  const rows = '[[1,7,"k",{"phx_ref":"r1","n":1},"t"],[3,7,"k2",{"phx_ref":"r2","phx_ref_prev":"r1"}]]'
  // answers nobody | after, upTo, until | two dots: 1, 1 + 2 | rows
  assert.equal(hex(message), joined(head('02'), '0000', '040809', '020102', textHex(rows)))
  assert.deepEqual(decodeMessage(encodeMessage(message)), message)
})

test('golden bytes: a snapshot of nothing, a request, a goodbye', () => {
  const range = { answers: incarnation, after: 0, upTo: 0, until: 0, gone: [], rows: [] }
  assert.equal(
    hex({ kind: 'snapshot', incarnation, ...range }),
    joined(head('03'), 'ac0205', '000000', textHex('[]')),
  )
  assert.equal(
    hex({ kind: 'request', incarnation, of: { generation: 1, nonce: 2 }, since: 3 }),
    `${head('04')}010203`,
  )
  assert.equal(hex({ kind: 'goodbye', incarnation, holdMs: 5_000 }), `${head('05')}8827`)
})

test('P11 a message whose rows are no list, or have no dots, is refused', () => {
  assert.equal(decodeRows('[[1,7,"k",{"phx_ref":"r1"},"t"]]').rows.length, 1)
  for (const rows of [
    '{}',
    'null',
    '[1]',
    '[[0,7,"k",{"phx_ref":"r1"},"t"]]', // a dot at the start of its range
    '[[6,7,"k",{"phx_ref":"r1"},"t"]]', // a dot beyond it
    '[[1.5,7,"k",{"phx_ref":"r1"},"t"]]',
  ])
    assert.throws(() => decodeRows(rows), { name: 'MalformedMessage' }, rows)
  assert.throws(() => decodeRows('[['), { name: 'SyntaxError' })
})

test('P11 a row that is none is passed over, and holds up no other', () => {
  for (const row of [
    '[1,-1,"k",{"phx_ref":"r1"},"t"]',
    '[1,7,5,{"phx_ref":"r1"},"t"]',
    '[1,7,"k",{"phx_ref":5},"t"]',
    '[1,7,"k",{},"t"]',
    '[1,7,"k",[],"t"]',
    '[1,7,"k",null,"t"]',
    '[1,7,"k",{"phx_ref":"r1"},5]',
    '[1,7,"k",{"phx_ref":"r1"}]', // no topic
    `[1,7,"k",{"phx_ref":"r1","deep":${nested(500)}},"t"]`, // more than a meta may be
    `[1,7,"k",{"phx_ref":"r1","deep":${nested(100_000)}},"t"]`, // more than can be written
  ]) {
    const { rows, skipped } = decodeRows(`[${row},[2,8,"good",{"phx_ref":"r2"},"t"]]`)
    assert.deepEqual([skipped, rows.map(({ key, dot }) => [key, dot])], [1, [['good', 3]]], row.slice(0, 60))
  }
})

function nested(levels: number): string {
  return '['.repeat(levels) + ']'.repeat(levels)
}

function decodeRows(text: string) {
  let skipped = 0
  const bytes = Buffer.from(joined(head('02'), '0000', '000505', '00', textHex(text)), 'hex')
  const message = decodeMessage(bytes, () => void skipped++)
  assert.equal(message.kind, 'changes')
  return { rows: (message as RowsMessage).rows, skipped }
}

test('numbers have one spelling and 53 bits; texts keep lone surrogates', () => {
  for (const value of [0, 1, 127, 128, 16_383, 16_384, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
    const bytes = new ByteWriter().uint(value).finish()
    assert.equal(new ByteReader(bytes).uint(), value)
  }
  for (const bytes of [[], [128], [128, 0], [255, 255, 255, 255, 255, 255, 255, 31], Array(12).fill(255)])
    assert.throws(() => new ByteReader(Uint8Array.from(bytes)).uint(), { name: 'MalformedMessage' })
  for (const value of ['', 'a', 'é😀', '\ud800', 'a\udfffb', '\u0000'.repeat(3_000)])
    assert.equal(new ByteReader(new ByteWriter().text(value).finish()).text(), value)
})
