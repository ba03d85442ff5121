import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeMessage, encodeMessage, type PresenceMessage } from '../../src/presence/messages.ts'
import { makeRow, type Row } from '../../src/presence/row.ts'
import { type Outgoing, State } from '../../src/presence/state.ts'
import { check } from '../support/property.ts'

const TIMING = { broadcastMs: 1_000, quietPeriods: 3, downMs: 10_000, permanentDownMs: 60_000 }
const SMALL = { changes: 4, pageBytes: 150 }

let nonces = 0

/** A state, what it shows, and what it said. */
class Replica {
  readonly visible = new Set<Row>()
  readonly state: State
  readonly name: string
  readonly said: Outgoing[] = []
  #count = 0

  constructor(name: string, generation = 1, rows: Iterable<Row> = []) {
    this.name = name
    this.state = new State({
      node: name,
      incarnation: { generation, nonce: ++nonces },
      timing: TIMING,
      visible: {
        add: (row) => assert.ok(!this.visible.has(row) && this.visible.add(row), 'shown once'),
        remove: (row) => assert.ok(this.visible.delete(row), 'hidden once'),
      },
      report: () => {},
      journal: SMALL,
    })
    for (const row of rows) this.state.journal.join(row)
  }

  row(key = 'k', ref = `${this.name}${this.#count++}`): Row {
    return makeRow({ topic: 't', key, owner: 1, ref, json: '{}' })
  }

  hear(from: string, message: PresenceMessage, now = 0): Outgoing[] {
    const answers = this.state.receive(from, decodeMessage(encodeMessage(message)), now)
    this.said.push(...answers)
    return answers
  }

  refs(): string[] {
    return [...this.visible].map(({ ref }) => ref).sort()
  }

  own(): string[] {
    return [...this.state.journal.rows()].map(({ ref }) => ref).sort()
  }
}

/** Plays joins, leaves and updates on a replica; `each` sees it after every one. */
function change(replica: Replica, script: readonly number[], each: () => void = () => {}): void {
  for (const step of script) {
    const rows = [...replica.state.journal.rows()]
    const row = rows[step % Math.max(1, rows.length)]
    if (row === undefined || step % 3 === 0) replica.state.journal.join(replica.row())
    else if (step % 3 === 1) replica.state.journal.leave(row)
    else replica.state.journal.update(row, replica.row())
    each()
  }
}

const script = fc.array(fc.nat(300), { minLength: 1, maxLength: 60, size: 'max' })

/** Asks and answers until nothing is left to say. */
function exchange(a: Replica, b: Replica): void {
  let left = 10_000
  const queue: [from: Replica, to: Replica, message: PresenceMessage][] = []
  const post = (from: Replica, to: Replica, out: readonly Outgoing[]): void => {
    for (const { to: name, message } of out)
      if (name === undefined || name === to.name) queue.push([from, to, message])
  }
  // Time passes between the rounds, so that what was asked may be asked again.
  for (let now = 1_000; now < 5_000; now += 1_000) {
    post(a, b, a.state.tick(now))
    post(b, a, b.state.tick(now))
    post(a, b, a.state.greet())
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      assert.ok(left-- > 0, 'falls silent')
      const [from, to, message] = next
      post(to, from, to.hear(from.name, message, now))
    }
  }
}

test('P2 P3 C21 the messages of one node give the same state in every order and multiplicity', (t) => {
  const arbitrary = fc.tuple(script, fc.array(fc.tuple(fc.nat(), fc.nat(3)), { maxLength: 200, size: 'max' }))
  check(t, 500, arbitrary, ([changes, deliveries]) => {
    const a = new Replica('a')
    const b = new Replica('b')
    const messages: PresenceMessage[] = []
    // Every kind of message that a node may ever send: deltas, full states, ranges of any age.
    change(a, changes, () => {
      const { sequence } = a.state.journal
      for (const since of [0, sequence - 1, sequence - 3, sequence - 7])
        if (since >= 0) messages.push(...a.state.journal.since(since))
      messages.push(...a.state.tick(0).map(({ message }) => message))
    })
    for (const { message } of a.state.greet()) b.hear('a', message)
    for (const [index, times] of deliveries) {
      const message = messages[index % messages.length]
      for (let n = 0; n < times && message !== undefined; n++) b.hear('a', message)
    }
    exchange(a, b)
    assert.deepEqual(b.refs(), a.own())
    assert.equal(b.state.peers.get('a')?.sequence, a.state.journal.sequence)
  })
})

test('P3 P12 a gap is asked for, and the answer holds the missing changes alone', (t) => {
  check(t, 300, fc.tuple(fc.nat(40), fc.integer({ min: 1, max: SMALL.changes - 1 })), ([before, missed]) => {
    const a = new Replica('a')
    const b = new Replica('b')
    for (let n = 0; n <= before; n++) a.state.journal.join(a.row())
    exchange(a, b)
    for (let n = 0; n < missed; n++) a.state.journal.join(a.row())
    a.state.tick(5_000) // lost
    a.state.journal.join(a.row())
    const [delta] = a.state.tick(6_000)
    assert.ok(delta)
    const [request] = b.hear('a', delta.message, 6_000)
    assert.equal(request?.message.kind, 'request')
    const pages = a.hear('b', request.message, 6_000).map(({ message }) => message)
    const rows = pages.flatMap((page) =>
      page.kind === 'changes' || page.kind === 'snapshot' ? page.rows : [],
    )
    assert.equal(rows.length, missed + 1)
    for (const page of pages) b.hear('a', page, 6_000)
    assert.deepEqual(b.refs(), a.own())
  })
})

test('P3 a snapshot in pages, with changes between them and pages lost, ends in the same state', (t) => {
  const arbitrary = fc.tuple(script, script, fc.array(fc.boolean(), { maxLength: 40, size: 'max' }))
  check(t, 500, arbitrary, ([first, second, lost]) => {
    const a = new Replica('a')
    const b = new Replica('b')
    change(a, first)
    const early = [...a.state.journal.since(0)]
    change(a, second)
    const late = [...a.state.journal.since(0), ...a.state.journal.since(early.at(-1)?.upTo ?? 0)]
    for (const { message } of a.state.greet()) b.hear('a', message)
    for (let n = 0; n < Math.max(early.length, late.length); n++) {
      for (const page of [early[n], late[n]]) if (page !== undefined && lost[n] !== true) b.hear('a', page)
    }
    exchange(a, b)
    assert.deepEqual(b.refs(), a.own())
  })
})

test('P3 a page of a snapshot is not put on a state that older changes led to', () => {
  const a = new Replica('a')
  const b = new Replica('b')
  const rows = ['one', 'two', 'three', 'five'].map((ref) => a.row('k'.repeat(50), ref))
  const [one, two, three, five] = rows as [Row, Row, Row, Row]
  for (const row of [one, two, three]) a.state.journal.join(row)
  const older = [...a.state.journal.since(1)]
  a.state.journal.leave(two)
  a.state.journal.join(five)
  const pages = [...a.state.journal.since(0)]
  assert.deepEqual(
    pages.map(({ after, upTo }) => [after, upTo]),
    [
      [0, 1],
      [1, 3],
      [3, 5],
    ],
  )
  for (const { message } of a.state.greet()) b.hear('a', message)
  for (const message of [pages[0], ...older, pages[2]]) if (message !== undefined) b.hear('a', message)
  exchange(a, b)
  assert.deepEqual(b.refs(), ['five', 'one', 'three'])
})

test('P4 a key that its owner adds again survives the removal of the former row, in both orders', () => {
  for (const order of [0, 1]) {
    const a = new Replica('a')
    const b = new Replica('b')
    const first = a.row('ann')
    a.state.journal.join(first)
    exchange(a, b)
    a.state.journal.leave(first)
    const [removal] = a.state.tick(9_000)
    a.state.journal.join(a.row('ann', 'again'))
    const [addition] = a.state.tick(10_000)
    const messages = order === 0 ? [removal, addition] : [addition, removal]
    for (const out of messages) if (out !== undefined) b.hear('a', out.message, 9_500)
    exchange(a, b)
    assert.deepEqual(b.refs(), ['again'])
  }
})

test('P5 C21 after a leave was seen, no older delta and no older state brings the row back', (t) => {
  check(t, 300, script, (changes) => {
    const a = new Replica('a')
    const b = new Replica('b')
    const old: PresenceMessage[] = []
    change(a, changes, () =>
      old.push(...a.state.journal.since(0), ...a.state.tick(0).map((out) => out.message)),
    )
    for (const row of [...a.state.journal.rows()]) a.state.journal.leave(row)
    exchange(a, b)
    assert.deepEqual(b.refs(), [])
    for (const message of old) b.hear('a', message, 4_000)
    assert.deepEqual(b.refs(), [])
  })
})

test('P5 P7 C23 W6 what others say of a node neither removes its rows nor brings them back', () => {
  const [a, b, c] = [new Replica('a'), new Replica('b'), new Replica('c')]
  const row = a.row()
  a.state.journal.join(row)
  for (const [x, y] of [
    [a, b],
    [a, c],
    [b, c],
  ] as const)
    exchange(x, y)
  // b tries to remove what a wrote: there is no message that says so, only its own journal.
  b.state.journal.leave(row)
  exchange(b, c)
  assert.deepEqual(c.refs(), [row.ref])
  // c forgets a; b, which still knows it, talks to c: a stays forgotten.
  c.state.tick(TIMING.permanentDownMs + 5_000)
  assert.equal(c.state.peers.has('a'), false)
  for (const { message } of b.state.greet()) c.hear('b', message, 66_000)
  assert.deepEqual(c.refs(), [])
  // Nor does what a said before, and what comes late.
  for (const page of a.state.journal.since(0)) c.hear('a', page, 66_000)
  assert.deepEqual(c.refs(), [])
  exchange(a, c)
  assert.deepEqual(c.refs(), [row.ref], 'its own heartbeat does')
})

test('P6 W4 a successor that begins at 0 under the same name replaces its predecessor', (t) => {
  check(t, 300, fc.tuple(script, script, fc.integer({ min: 1, max: 3 })), ([before, after, generation]) => {
    const a = new Replica('a', 2)
    const b = new Replica('b')
    change(a, before)
    exchange(a, b)
    // Also with a generation that seems former, or equal, as after a wall clock that jumped back.
    const successor = new Replica('a', generation)
    change(successor, after)
    exchange(successor, b)
    assert.deepEqual(b.refs(), successor.own())
  })
})

test('P6 a successor without rows clears its predecessor with its first heartbeat', () => {
  const a = new Replica('a')
  const b = new Replica('b')
  a.state.journal.join(a.row())
  exchange(a, b)
  const [hello] = new Replica('a', 2).state.greet()
  assert.ok(hello)
  b.hear('a', hello.message)
  assert.deepEqual(b.refs(), [])
})

test('P6 what was hidden with a node that was down is not shown again by its successor', () => {
  const a = new Replica('a')
  const b = new Replica('b')
  a.state.journal.join(a.row())
  exchange(a, b)
  b.state.tick(4_000 + TIMING.downMs)
  const successor = new Replica('a', 2)
  successor.state.journal.join(successor.row('k', 'new'))
  for (const { message } of successor.state.greet()) b.hear('a', message, 15_000)
  assert.deepEqual(b.refs(), [])
  exchange(successor, b)
  assert.deepEqual(b.refs(), ['new'])
})

test('P6 a node that rises above its former run tells its next change with the next period', () => {
  const a = new Replica('a')
  for (let n = 0; n < 5; n++) {
    const row = a.row()
    a.state.journal.join(row)
    if (n > 0) a.state.journal.leave(row)
  }
  a.state.tick(1_000)
  const vector = new Map([['a', { incarnation: { generation: 9, nonce: 1 }, sequence: 3 }]])
  a.hear('b', {
    kind: 'heartbeat',
    incarnation: { generation: 1, nonce: 1 },
    greeting: false,
    sequence: 0,
    vector,
  })
  assert.equal(a.state.journal.incarnation.generation, 10)
  assert.deepEqual(
    a.state.tick(2_000).map(({ message }) => message.kind),
    ['snapshot'],
  )
})

test('a node that another one knows, and this one does not, is asked to introduce itself', () => {
  const c = new Replica('c')
  const vector = new Map([['a', { incarnation: { generation: 1, nonce: 1 }, sequence: 3 }]])
  const incarnation = { generation: 1, nonce: 1 }
  const answers = c.hear('b', { kind: 'heartbeat', incarnation, greeting: false, sequence: 0, vector })
  assert.deepEqual(
    answers.map(({ to, message }) => [to, message.kind]),
    [['a', 'heartbeat']],
  )
})

test('P8 C24 C26 down hides, up shows without a transfer, permanent down leaves nothing behind', (t) => {
  check(t, 200, script, (changes) => {
    const a = new Replica('a')
    const b = new Replica('b')
    change(a, changes)
    exchange(a, b)
    const shown = b.refs()
    b.state.tick(4_000 + TIMING.downMs)
    assert.deepEqual(b.refs(), [])
    assert.equal(b.state.peers.get('a')?.status, 'down')
    b.state.tick(4_500 + TIMING.downMs)
    assert.deepEqual(b.refs(), [], 'again: nothing')
    const heartbeat = a.state.greet()[0]?.message
    assert.ok(heartbeat)
    const answers = b.hear('a', heartbeat, 15_000)
    assert.deepEqual(b.refs(), shown)
    assert.ok(
      answers.every(({ message }) => message.kind === 'heartbeat'),
      'nothing is asked for',
    )
    b.state.tick(15_000 + TIMING.permanentDownMs)
    assert.deepEqual(b.refs(), [])
    assert.equal(b.state.peers.size, 0)
  })
})

test('P8 C24 rows that come from a node while it is down are not shown before it is up', () => {
  const a = new Replica('a')
  const b = new Replica('b')
  exchange(a, b)
  b.state.tick(4_000 + TIMING.downMs)
  const c = new Replica('c')
  exchange(a, c)
  exchange(c, b)
  assert.deepEqual(b.refs(), [])
})

test('P10 every join, leave and update takes one number, and the context never shrinks', (t) => {
  check(t, 200, script, (changes) => {
    const a = new Replica('a')
    const b = new Replica('b')
    let count = 0
    let known = 0
    change(a, changes, () => {
      assert.equal(a.state.journal.sequence, ++count)
      for (const { message } of [...a.state.greet(), ...a.state.tick(count)]) {
        for (const { message: request } of b.hear('a', message, count * 1_000))
          for (const { message: page } of a.hear('b', request, count * 1_000))
            b.hear('a', page, count * 1_000)
      }
      const sequence = b.state.peers.get('a')?.sequence ?? 0
      assert.ok(sequence >= known)
      known = sequence
    })
  })
})

test('P12 C25 C27 a delta holds what changed, whatever else there is; a quiet period costs one heartbeat', () => {
  const bytesOf = (out: readonly Outgoing[]): number =>
    out.reduce((sum, { message }) => sum + encodeMessage(message).length, 0)
  const deltas = [10, 10_000].map((rows) => {
    const state = new State({
      node: 'a',
      incarnation: { generation: 1, nonce: 1 },
      timing: TIMING,
      visible: { add() {}, remove() {} },
      report: () => {},
    })
    const row = (n: number): Row =>
      makeRow({ topic: 't', key: `user:${n}`, owner: n, ref: `ref${n}`, json: '{}' })
    for (let n = 0; n < rows; n++) state.journal.join(row(n))
    state.tick(0)
    state.journal.join(row(99_999))
    const delta = bytesOf(state.tick(1_000))
    const quiet = [2_000, 3_000, 4_000].flatMap((now) => state.tick(now))
    assert.deepEqual(
      quiet.map(({ message }) => message.kind),
      ['heartbeat'],
    )
    assert.ok(bytesOf(quiet) < 30)
    return delta
  })
  // Numbers grow by a byte or two.
  assert.ok(Math.abs((deltas[0] ?? 0) - (deltas[1] ?? 0)) <= 8, String(deltas))
})

test('C25 what has gone is told by its number: the journal keeps no row of it', () => {
  const replica = new Replica('a')
  const { journal } = new State({
    node: 'a',
    incarnation: { generation: 1, nonce: 1 },
    timing: TIMING,
    visible: { add() {}, remove() {} },
    report: () => {},
  })
  const gone = Array.from({ length: 200 }, () => {
    const [row, next] = [replica.row(), replica.row()]
    journal.join(row)
    journal.update(row, next)
    journal.leave(next)
    return [new WeakRef(row), new WeakRef(next)]
  })
  return new Promise<void>((resolve) => {
    // A turn later: what a WeakRef was made of lives to the end of its own.
    setImmediate(() => {
      globalThis.gc?.()
      const kept = gone.flat().filter((ref) => ref.deref() !== undefined).length
      assert.ok(kept <= 2, `${kept} rows are kept`)
      assert.equal(journal.sequence, 600)
      resolve()
    })
  })
})

test('C22 the same topic and key on two nodes are two presences, whoever hears of whom first', () => {
  const [a, b, c] = [new Replica('a'), new Replica('b'), new Replica('c')]
  a.state.journal.join(a.row('ann'))
  b.state.journal.join(b.row('ann'))
  for (const [x, y] of [
    [a, b],
    [b, c],
    [a, c],
  ] as const)
    exchange(x, y)
  assert.deepEqual(c.refs(), ['a0', 'b0'])
})

test('P11 every message survives encoding, and its second encoding is the same bytes', (t) => {
  const text = fc.string({
    unit: fc.constantFrom('a', 'é', '漢', '😀', '\ud800', '\u0000', '"'),
    maxLength: 20,
  })
  const rows = fc.array(fc.tuple(text, text, fc.nat(9), fc.dictionary(text, fc.jsonValue(), { maxKeys: 3 })))
  check(t, 500, fc.tuple(rows, fc.nat({ max: 2 ** 52 - 1_000 })), ([specs, start]) => {
    const after = Math.floor(start / 2)
    const made = specs
      .filter(([, , , meta]) => !Object.hasOwn(meta, 'phx_ref'))
      .map(([topic, key, owner, meta], n) => {
        const json = JSON.stringify(meta)
        const row = makeRow({ topic, key, owner, ref: `r${n}`, previousRef: n % 2 ? 'p' : undefined, json })
        return { ...row, dot: after + n + 1 }
      })
    const upTo = after + made.length
    const incarnation = { generation: start, nonce: 2 ** 32 - 1 }
    const message: PresenceMessage = {
      kind: 'changes',
      incarnation,
      answers: { generation: 0, nonce: 0 },
      after,
      upTo,
      until: upTo,
      gone: after > 2 ? [1, after] : [],
      rows: made,
    }
    const bytes = encodeMessage(message)
    const decoded = decodeMessage(bytes)
    assert.deepEqual(decoded, message)
    assert.deepEqual(encodeMessage(decoded), bytes)
  })
})

test('P11 no bytes but those of a message decode, and none break the decoder', (t) => {
  const a = new Replica('a')
  a.state.journal.join(a.row())
  const known = [...a.state.journal.since(0)].map(encodeMessage)[0] as Uint8Array
  const flips = fc.array(fc.tuple(fc.nat(known.length), fc.nat(255)), { minLength: 1, maxLength: 4 })
  check(t, 3_000, fc.oneof(fc.uint8Array({ maxLength: 60 }), flips), (input) => {
    const bytes = input instanceof Uint8Array ? input : Uint8Array.from(known)
    if (!(input instanceof Uint8Array))
      for (const [at, value] of input) if (at < bytes.length) bytes[at] = value
    try {
      decodeMessage(bytes)
    } catch (error) {
      assert.ok(error instanceof Error)
      assert.match(error.name, /^(MalformedMessage|SyntaxError)$/)
    }
  })
  for (let length = 0; length < known.length; length++)
    assert.throws(() => decodeMessage(known.subarray(0, length)), { name: 'MalformedMessage' })
})
