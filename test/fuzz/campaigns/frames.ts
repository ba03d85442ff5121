import { constants, deflateRawSync } from 'node:zlib'
import { encodeFrame, Peer, PING, TEXT } from '../../support/peer.ts'
import { until } from '../../support/until.ts'
import type { Campaign, Tally } from '../campaign.ts'
import type { Dice } from '../dice.ts'
import type { House } from '../house.ts'
import { Violation } from '../judge.ts'
import { EVENTS, mutate, randomMessage } from '../messages.ts'

const PEERS = 8
const PER_PEER = 20

/** The codes that may end a connection whose client breaks RFC 6455. 1006: with no word, where the client said none. */
const CODES = new Set([1000, 1002, 1003, 1006, 1007, 1008, 1009])

/** Bytes below WebSocket, behind a good upgrade. */
export const rawFrames: Campaign = {
  name: 'frames below WebSocket',
  unit: 'frames',
  perRound: PEERS * PER_PEER,
  async round(dice, house) {
    const heard = new Map([['messages', PEERS * PER_PEER]])
    const codes = await Promise.all(Array.from({ length: PEERS }, () => abuse(dice, house)))
    for (const code of codes) heard.set(`close ${code}`, (heard.get(`close ${code}`) ?? 0) + 1)
    await house.calm()
    return heard satisfies Tally
  },
}

/** Sends what no client would, then ends its side, and tells how the server ended. */
async function abuse(dice: Dice, house: House): Promise<number> {
  const compresses = dice.oneIn(2)
  const extensions = 'permessage-deflate; client_max_window_bits'
  const peer = await Peer.open({ port: house.port, ...(compresses ? { extensions } : {}) })
  for (let frame = 0; frame < PER_PEER; frame++)
    peer.raw(compresses && dice.oneIn(2) ? compressedFrame(dice) : randomFrame(dice))
  await house.tick()
  if (dice.oneIn(4)) await peer.reset()
  else peer.socket.end()
  await until('an abused connection ends', () => peer.isGone)
  const code = await peer.closed
  if (peer.broken !== undefined) throw new Violation(peer.broken)
  if (!CODES.has(code)) throw new Violation(`closed with ${code}`)
  return code
}

const OPCODES = [0, 1, 1, 1, 1, 1, 2, 2, 3, 7, 8, 9, 10, 11, 15]
const LENGTHS = [0, 1, 125, 126, 127, 65_535, 65_536, 65_537, 2 ** 31, 2 ** 32, 2 ** 53 - 1]

function randomFrame(dice: Dice): Buffer {
  if (dice.oneIn(20)) return dice.bytes(1 + dice.below(40))
  const payload = randomPayload(dice)
  if (!dice.oneIn(16)) return encodeFrame(dice.oneIn(12) ? PING : TEXT, payload)
  const frame = encodeFrame(dice.pick(OPCODES), payload, {
    fin: !dice.oneIn(3),
    reserved: dice.oneIn(4) ? dice.below(8) : 0,
    isMasked: !dice.oneIn(6),
    length: dice.oneIn(4) ? dice.pick(LENGTHS) : payload.length,
  })
  return dice.oneIn(3) ? mutate(dice, frame) : frame
}

/** Mostly right, now and then cut, changed, or blown up. */
function compressedFrame(dice: Dice): Buffer {
  const payload = dice.oneIn(30) ? Buffer.alloc(1_000_000, 'x') : randomPayload(dice)
  const data = deflateRawSync(payload, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4)
  const sent = dice.oneIn(12) ? mutate(dice, data) : data
  return encodeFrame(TEXT, sent, { reserved: 4, fin: !dice.oneIn(20) })
}

function randomPayload(dice: Dice): Buffer {
  if (dice.oneIn(12)) return closePayload(dice)
  // Only who survives the first frame gets to the next.
  if (!dice.oneIn(4)) return Buffer.from(JSON.stringify(['1', '1', 'room:1', dice.pick(EVENTS), {}]))
  return dice.oneIn(6) ? dice.bytes(dice.below(200)) : randomMessage(dice, '2.0.0').data
}

/** As a close frame has it: a code that is one or is none, and a reason. */
function closePayload(dice: Dice): Buffer {
  const payload = dice.bytes(2 + dice.below(10))
  payload.writeUInt16BE(dice.pick([0, 999, 1000, 1001, 1004, 1005, 1006, 1012, 1015, 3000, 4999, 65_535]))
  return dice.oneIn(4) ? payload.subarray(0, 1) : payload
}
