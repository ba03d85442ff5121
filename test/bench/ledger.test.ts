import assert from 'node:assert/strict'
import { test } from 'node:test'
import { phoenixV2, socketIo } from '../../bench/load/dialect.ts'
import { Ledger, type Recipient } from '../../bench/load/ledger.ts'
import { PLACEHOLDER, payloadText } from '../../bench/load/sequence.ts'

const BODY_BYTES = 20

/** Two connections that both follow lane 0 of two lanes; the second follows lane 1 too. */
function books() {
  const ledger = new Ledger([[0], [0, 1]], 2, { bodyBytes: BODY_BYTES })
  const answers: string[] = []
  const recipients = [phoenixV2, socketIo].map(
    (dialect, index): Recipient => ({
      index,
      dialect,
      numberAt: 0,
      writeText: (text) => void answers.push(text),
    }),
  )
  const receive = (index: number, text: string, now = 0) => {
    const bytes = Buffer.from(`??${text}`)
    const recipient = recipients[index]
    assert.ok(recipient)
    return ledger.receive(recipient, bytes, 2, bytes.length, now)
  }
  return { ledger, receive, answers }
}

function said(number: number): string {
  return `[null,null,"bench:0","said",${payloadText({ bodyBytes: BODY_BYTES }).replace(PLACEHOLDER, String(number))}]`
}

const NONE = { lost: 0, doubled: 0, outOfOrder: 0, wrong: 0, closed: 0 }

test('the ledger finds no fault where each message comes once and in order', () => {
  const { ledger, receive } = books()
  const numbers = [ledger.send(0, 5), ledger.send(0, 5), ledger.send(1, 5)]
  assert.equal(ledger.outstanding, 5)
  for (const number of numbers) receive(1, said(number), 8)
  for (const number of numbers.slice(0, 2)) receive(0, said(number), 8)
  assert.deepEqual(ledger.faults, NONE)
  assert.equal(ledger.outstanding, 0)
  const { operations, latencies } = ledger.take()
  assert.equal(operations, 5)
  assert.equal(latencies.summary().max, 3)
})

test('the ledger counts a message that comes twice as doubled and does not count it as delivered', () => {
  const { ledger, receive } = books()
  const number = ledger.send(0, 0)
  receive(0, said(number))
  receive(0, said(number))
  assert.deepEqual(ledger.faults, { ...NONE, doubled: 1 })
  assert.equal(ledger.outstanding, 1)
})

test('the ledger sees a message overtake another', () => {
  const { ledger, receive } = books()
  ledger.send(0, 0)
  receive(0, said(ledger.send(0, 0)))
  assert.equal(ledger.faults.outOfOrder, 1)
})

test('the ledger writes off as lost what has not come', () => {
  const { ledger, receive } = books()
  receive(0, said(ledger.send(0, 0)))
  ledger.writeOff()
  assert.deepEqual(ledger.faults, { ...NONE, lost: 1 })
})

for (const [what, spoil] of [
  ['for a lane that the connection does not follow', (_: string, other: string) => other],
  ['with a body that is too short', (text: string) => text.replace('abc', 'ab')],
  ['with another body of the right length', (text: string) => text.replace('abc', 'abx')],
  ['without a number', () => '[null,null,"bench:0","said",{}]'],
  ['that was never sent', (text: string) => text.replace(/"seq":\d+/, '"seq":100000777')],
] as const) {
  test(`the ledger counts a message ${what} as wrong`, () => {
    const { ledger, receive } = books()
    const text = said(ledger.send(0, 0))
    assert.equal(receive(0, spoil(text, said(ledger.send(1, 0)))), -1)
    assert.deepEqual(ledger.faults, { ...NONE, wrong: 1 })
  })
}

test('the ledger answers a keep-alive of the server and counts no fault', () => {
  const { ledger, receive, answers } = books()
  receive(1, '2')
  assert.deepEqual(answers, ['3'])
  assert.deepEqual(ledger.faults, NONE)
})
