import assert from 'node:assert/strict'
import { test } from 'node:test'
import { constants, inflateRawSync } from 'node:zlib'
import { type Frame, framePayload, splitFrames } from '../../src/protocol/frame.ts'
import { v1 } from '../../src/protocol/v1.ts'
import { v2 } from '../../src/protocol/v2.ts'
import { fakeClock } from '../../src/testing/index.ts'
import { Deflater } from '../../src/transport/websocket/deflater.ts'
import { until } from '../support/until.ts'
import { CountingWire, frameOf, Stage } from './stage.ts'

// The cost of telling those who come of those who are there, counted, not timed.

const TOPIC = 'lounge:1'
const join = frameOf('phx_join', {}, { topic: TOPIC })

type Message = [unknown, unknown, string, string, object]

const messagesOf = (writes: readonly Buffer[]): Message[] =>
  writes.flatMap((bytes) =>
    [...splitFrames(bytes)].map((frame): Message => JSON.parse(framePayload(frame).toString())),
  )

async function crowded(members: number): Promise<Stage> {
  const stage = await new Stage().start()
  const owner = { id: 'bench', topic: TOPIC }
  for (let n = 0; n < members; n++)
    stage.endpoint.presence?.track(TOPIC, `user:${n}`, { n }, { owner: { ...owner, id: `${n}` } })
  await stage.clock.settle()
  return stage
}

test('P23 who joins is told who is there in the write that answers the join, and so are the others', async () => {
  const stage = await crowded(10)
  const [other] = await stage.join(1, v2, TOPIC)
  const { session, wire } = stage.connect()
  const cost = await stage.cost(() => session.receive(join, false))
  assert.deepEqual(
    { promises: cost.promises, timers: cost.timers, immediates: cost.immediates },
    { promises: 0, timers: 0, immediates: 1 },
  )
  assert.equal(wire.writes.length, 1)
  assert.deepEqual(
    messagesOf(wire.writes).map(([, , , event]) => event),
    ['phx_reply', 'presence_state', 'presence_diff'],
  )
  assert.deepEqual(
    messagesOf(other?.wire.writes ?? []).map(([, , , event]) => event),
    ['presence_diff'],
  )
})

/** A wire that can be handed pieces. */
class PieceWire extends CountingWire {
  readonly pieces: Buffer[] = []
  writePieces(pieces: readonly Buffer[]): void {
    this.pieces.push(...pieces)
    this.write(Buffer.concat(pieces))
  }
}

test('P24 a large list is the same bytes for all who come while it stays the same, copied for none of them', async () => {
  const stage = await crowded(1_200)
  const wires = [new PieceWire(), new PieceWire()]
  for (const wire of wires) {
    stage.connect(v2, wire).session.receive(join, false)
    await stage.clock.settle()
  }
  const large = wires.map(({ pieces }) => pieces.filter(({ length }) => length > 10_000))
  assert.deepEqual(
    large.map((pieces) => pieces.length),
    [1, 1],
  )
  assert.equal(large[0]?.[0], large[1]?.[0])
  for (const { writes } of wires) {
    const [, state] = messagesOf(writes)
    assert.equal(writes.length, 1)
    assert.equal(state?.[3], 'presence_state')
    assert.equal(Object.keys(state?.[4] ?? {}).length, 1_000)
  }
})

test('P24 it is the same list in one piece, on a wire that takes none, and for version 1', async () => {
  const stage = await crowded(1_200)
  const [plain, pieces, old] = [stage.connect(), stage.connect(v2, new PieceWire()), stage.connect(v1)]
  for (const { session } of [plain, pieces]) session.receive(join, false)
  old.session.receive(frameOf('phx_join', {}, { topic: TOPIC, codec: v1 }), false)
  await stage.clock.settle()
  const [, whole] = messagesOf(plain.wire.writes)
  assert.deepEqual(messagesOf(pieces.wire.writes)[1], whole)
  const [, state] = old.wire.writes
    .flatMap((bytes) => [...splitFrames(bytes)])
    .map((frame): { payload: object } => JSON.parse(framePayload(frame).toString()))
  assert.deepEqual(state?.payload, whole?.[4])
})

/** The message of a frame that came compressed (RFC 7692, 7.2.2). */
function inflated(frame: Frame): Buffer {
  assert.equal(frame[0], 0xc1)
  const data = Buffer.concat([framePayload(frame), Buffer.from([0, 0, 0xff, 0xff])])
  return inflateRawSync(data, { finishFlush: constants.Z_SYNC_FLUSH })
}

test('P24 where it is compressed, it is so once for all who come, and inflates to the same list', async () => {
  const stage = await crowded(1_200)
  const deflater = new Deflater(1_024, fakeClock())
  const plain = stage.connect()
  plain.session.receive(join, false)
  const all = ['a', 'b'].map((ref) =>
    stage.connectCompressed(deflater, v2, Buffer.from(JSON.stringify([ref, ref, TOPIC, 'phx_join', {}]))),
  )
  await stage.clock.settle()
  const listed = (writes: readonly Buffer[]): Buffer | undefined =>
    writes.find(({ length }) => length > 2_000)
  await until('it is compressed', () => all.every((writes) => listed(writes) !== undefined))
  assert.equal(listed(all[0] ?? []), listed(all[1] ?? []))
  const [, state] = messagesOf(plain.wire.writes)
  for (const [index, writes] of all.entries()) {
    const frames = [...splitFrames(Buffer.concat(writes))]
    const told = frames.find(({ length }) => length > 2_000) as Frame
    const [joinRef, , , event, payload]: Message = JSON.parse(inflated(told).toString())
    assert.deepEqual([joinRef, event], [['a', 'b'][index], 'presence_state'])
    assert.deepEqual(payload, state?.[4])
    assert.ok(told.length < inflated(told).length / 2)
  }
})
