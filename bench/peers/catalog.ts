import type { Target } from '../load/connection.ts'
import {
  type Dialect,
  phoenixBinary,
  phoenixV1,
  phoenixV2,
  phoenixV2Deflate,
  phoenixV2Positions,
  socketIo,
} from '../load/dialect.ts'

/** A server to load: its file in this folder, and how the load speaks to it. */
export interface Peer {
  readonly name: string
  readonly file: string
  readonly dialects: readonly Dialect[]
  /** The kind of channel; only `beryl.ts` has several. */
  readonly topicPrefix: string
  /** The checkout of this repository that it is taken from, built. @default this one */
  readonly checkout?: string
  /** It speaks TLS. @default false */
  readonly tls?: boolean
  /** An argument of its program. @default none */
  readonly argument?: string
}

/** The address of a peer's server for the load. */
export function targetAt(port: number, { dialects, topicPrefix, tls = false }: Peer): Target {
  return { port, dialects, topicPrefix, tls }
}

/** The peer by which all others are divided. */
export const YARDSTICK = 'ws-raw'

export const PEERS: readonly Peer[] = [
  { name: YARDSTICK, file: 'ws-raw', dialects: [phoenixV2], topicPrefix: 'bench' },
  { name: 'beryl', file: 'beryl', dialects: [phoenixV2], topicPrefix: 'bench' },
  { name: 'ws', file: 'ws', dialects: [phoenixV2], topicPrefix: 'bench' },
  { name: 'fastify-websocket', file: 'fastify-websocket', dialects: [phoenixV2], topicPrefix: 'bench' },
  { name: 'socket.io', file: 'socket-io', dialects: [socketIo], topicPrefix: 'bench' },
]

/** @throws TypeError where there is none */
export function peerNamed(name: string): Peer {
  const peer = PEERS.find((candidate) => candidate.name === name)
  if (peer === undefined) {
    throw new TypeError(`--peers: no peer "${name}"; there are ${PEERS.map((each) => each.name).join(', ')}`)
  }
  return peer
}

/** beryl as another checkout has it: what a change is held against. */
export function berylBefore(checkout: string): Peer {
  return { name: 'beryl, before', file: 'beryl', dialects: [phoenixV2], topicPrefix: 'bench', checkout }
}

/** All peers over TLS, and the yardstick and beryl as they are without it. */
export function overTls(peers: readonly Peer[]): readonly Peer[] {
  const plain = peers.filter(({ name }) => name === YARDSTICK || name === 'beryl')
  return [
    ...peers.map((peer) => ({ ...peer, tls: true })),
    ...plain.map((peer) => ({ ...peer, name: `${peer.name}, no TLS` })),
  ]
}

/** Other ways to use beryl, compared in the growth runs. */
export const VARIANTS: readonly Peer[] = [
  { name: 'beryl', file: 'beryl', dialects: [phoenixV2], topicPrefix: 'bench' },
  { name: 'beryl, no validation', file: 'beryl', dialects: [phoenixV2], topicPrefix: 'untyped' },
  { name: 'beryl, binary', file: 'beryl', dialects: [phoenixBinary], topicPrefix: 'binary' },
  { name: 'beryl, V1', file: 'beryl', dialects: [phoenixV1], topicPrefix: 'bench' },
  { name: 'beryl, V1 and V2', file: 'beryl', dialects: [phoenixV2, phoenixV1], topicPrefix: 'bench' },
]

/** A broadcast without a log, through one, and with the positions of its entries. */
export const HISTORIES: readonly Peer[] = [
  { name: 'beryl', file: 'beryl', dialects: [phoenixV2], topicPrefix: 'bench' },
  { name: 'beryl, logged', file: 'beryl', dialects: [phoenixV2], topicPrefix: 'logged' },
  { name: 'beryl, logged, positions', file: 'beryl', dialects: [phoenixV2Positions], topicPrefix: 'logged' },
]

/** A server to which clients come back, so many to a topic. */
export interface Stormed extends Peer {
  readonly perTopic: number
}

const PLAIN = peerNamed('fastify-websocket')
const TOLD: Peer = { ...PLAIN, file: 'fastify-websocket-told' }

/** The first is the one by which the others are divided. */
export const STORMED: readonly Stormed[] = [
  { ...PLAIN, perTopic: 1 },
  {
    ...TOLD,
    name: 'fastify-websocket, positions',
    dialects: [phoenixV2Positions],
    topicPrefix: 'logged',
    perTopic: 1,
  },
  {
    ...TOLD,
    name: 'fastify-websocket, positions in rooms of 20',
    dialects: [phoenixV2Positions],
    topicPrefix: 'logged',
    perTopic: 20,
  },
  { ...TOLD, name: 'fastify-websocket, lists', topicPrefix: 'present', perTopic: 1 },
  { ...TOLD, name: 'fastify-websocket, lists in rooms of 20', topicPrefix: 'present', perTopic: 20 },
  { ...peerNamed('beryl'), perTopic: 1 },
  {
    ...peerNamed('beryl'),
    name: 'beryl, history',
    dialects: [phoenixV2Positions],
    topicPrefix: 'logged',
    perTopic: 1,
  },
  {
    ...peerNamed('beryl'),
    name: 'beryl, history in rooms of 20',
    dialects: [phoenixV2Positions],
    topicPrefix: 'logged',
    perTopic: 20,
  },
  { ...peerNamed('beryl'), name: 'beryl, presence', topicPrefix: 'present', perTopic: 1 },
  { ...peerNamed('beryl'), name: 'beryl, presence in rooms of 20', topicPrefix: 'present', perTopic: 20 },
]

/** The storms of beryl at another checkout. */
export function stormedBefore({ checkout, name }: Peer): readonly Stormed[] {
  if (checkout === undefined) return []
  return STORMED.filter(({ file }) => file === 'beryl').map((peer) => ({
    ...peer,
    checkout,
    name: peer.name.replace('beryl', name),
  }))
}

/** The same messages as they are, and compressed: by this package for all at once, by ws for each. */
export const DEFLATES: readonly Peer[] = [
  { name: 'beryl', file: 'beryl', dialects: [phoenixV2], topicPrefix: 'bench' },
  { name: 'beryl, shared', file: 'beryl-shared', dialects: [phoenixV2Deflate], topicPrefix: 'bench' },
  { name: 'ws', file: 'ws', dialects: [phoenixV2], topicPrefix: 'bench' },
  { name: 'ws, perMessageDeflate', file: 'ws-deflate', dialects: [phoenixV2Deflate], topicPrefix: 'bench' },
]

/** One process, by which the others are divided, and a primary with two workers. */
export const PROCESSES = {
  one: { name: 'one process', file: 'beryl-node', dialects: [phoenixV2], topicPrefix: 'bench' },
  workers: { name: 'beryl', file: 'beryl-workers', dialects: [phoenixV2], topicPrefix: 'bench' },
} as const satisfies Record<string, Peer>

/** The same clients with and without presence; and with one diff for each turn of the event loop. */
export const LOUNGES = {
  without: { name: 'no presence', file: 'lounge', dialects: [phoenixV2], topicPrefix: 'hall' },
  paced: { name: 'presence', file: 'lounge', dialects: [phoenixV2], topicPrefix: 'lounge' },
  eachTurn: {
    name: 'presence, diffMs: 0',
    file: 'lounge',
    dialects: [phoenixV2],
    topicPrefix: 'lounge',
    argument: '0',
  },
} as const satisfies Record<string, Peer>

/** Nodes with a broker between them; the first is the one by which the others are divided. */
export const NODES = {
  socketIo: { name: 'socket.io', file: 'socket-io-node', dialects: [socketIo], topicPrefix: 'bench' },
  bare: { name: 'bare', file: 'bare-node', dialects: [phoenixV2], topicPrefix: 'bench' },
  bareLogged: { name: 'bare, logged', file: 'bare-logged-node', dialects: [phoenixV2], topicPrefix: 'bench' },
  beryl: { name: 'beryl', file: 'beryl-node', dialects: [phoenixV2], topicPrefix: 'bench' },
  logged: { name: 'beryl, logged', file: 'logged-node', dialects: [phoenixV2], topicPrefix: 'bench' },
} as const satisfies Record<string, Peer>
