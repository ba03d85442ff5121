import { until } from '../../support/until.ts'
import { addTally, type Campaign, type Tally } from '../campaign.ts'
import type { Dice } from '../dice.ts'
import type { House } from '../house.ts'
import { Judge } from '../judge.ts'
import { type Line, memoryLine, socketLine } from '../lines.ts'
import { randomMessage, type Sent, type Version } from '../messages.ts'

const VERSIONS: readonly Version[] = ['2.0.0', '2.0.0', '2.0.0', '1.0.0']
const PER_CLIENT = 60
const MAX_BYTES = 65_536

interface Client {
  readonly version: Version
  readonly line: Line
  readonly judge: Judge
}

interface Road {
  open(house: House, version: Version, dice: Dice): Promise<Line>
  /** The part of a message that can arrive at all. */
  arrives(sent: Sent): Sent
}

/** Messages of clients that take turns, in the same rooms; each ends with a heartbeat that must be answered. */
function campaign(name: string, road: Road): Campaign {
  return {
    name,
    unit: 'messages',
    perRound: PER_CLIENT * VERSIONS.length,
    async round(dice, house) {
      const clients: Client[] = []
      for (const version of VERSIONS) clients.push(makeClient(version, await road.open(house, version, dice)))
      const messages = speak(dice, clients, road)
      await house.tick()
      const tally = new Map([['messages', messages]])
      for (const client of clients) addTally(tally, await finish(client, dice))
      await house.calm()
      return tally
    },
  }
}

export const sessionMessages = campaign('messages into a session', {
  open: ({ app }, version) => memoryLine(app, version),
  // Below the session, text that is not UTF-8 has ended the connection already.
  arrives: (sent) => (sent.isBinary ? sent : { ...sent, data: Buffer.from(sent.data.toString()) }),
})

export const wireMessages = campaign('messages over WebSocket', {
  open: ({ port }, version, dice) => socketLine(port, version, dice),
  // Longer ones end in a 1009, which is not the matter here.
  arrives: (sent) => ({ ...sent, data: sent.data.subarray(0, MAX_BYTES) }),
})

function makeClient(version: Version, line: Line): Client {
  const judge = new Judge(version)
  line.onMessage = (payload, isBinary) => judge.received(payload, isBinary)
  return { version, line, judge }
}

/** Messages behind the frame that ends a connection count, too: they must be ignored. */
function speak(dice: Dice, clients: readonly Client[], road: Road): number {
  let messages = 0
  for (let turn = 0; turn < PER_CLIENT; turn++) {
    for (const { version, line, judge } of clients) {
      const message = turn < OPENING.length ? opening(turn, version) : nextMessage(dice, version, road)
      judge.sent(message)
      line.send(message)
      messages++
    }
  }
  return messages
}

/** A client that has joined nothing meets nothing. */
const OPENING = ['room:1', 'room:2']

function opening(turn: number, version: Version): Sent {
  const topic = OPENING[turn] as string
  const message =
    version === '2.0.0'
      ? ['1', '1', topic, 'phx_join', {}]
      : { topic, event: 'phx_join', payload: {}, ref: '1', join_ref: '1' }
  return { data: Buffer.from(JSON.stringify(message)), isBinary: false }
}

/** Most connections would die young: what ends one is let through now and then only. */
function nextMessage(dice: Dice, version: Version, road: Road): Sent {
  let message = road.arrives(randomMessage(dice, version))
  for (let again = 0; again < 3 && isFatal(message, version); again++)
    message = road.arrives(randomMessage(dice, version))
  return message
}

function isFatal(message: Sent, version: Version): boolean {
  const judge = new Judge(version)
  judge.sent(message)
  return judge.isDoomed
}

const LAST = 'the last one'
const HEARTBEATS: Readonly<Record<Version, string>> = {
  '1.0.0': JSON.stringify({ topic: 'phoenix', event: 'heartbeat', payload: {}, ref: LAST }),
  '2.0.0': JSON.stringify([null, LAST, 'phoenix', 'heartbeat', {}]),
}

/** The connection must have ended where it had to, and must answer where it had not. */
async function finish({ version, line, judge }: Client, dice: Dice): Promise<Tally> {
  const heartbeat = { data: Buffer.from(HEARTBEATS[version]), isBinary: false }
  judge.sent(heartbeat)
  line.send(heartbeat)
  await until('a client is answered or closed', () => {
    line.read()
    return line.closedWith !== undefined || judge.hasAnswer(LAST)
  })
  judge.ended(line.closedWith)
  await line.leave(dice)
  return judge.heard
}
