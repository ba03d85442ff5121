import { parseArgs } from 'node:util'
import type { MemorySize } from './measure/bench-memory.ts'
import type { Pace } from './measure/bench-workload.ts'
import { berylBefore, PEERS, type Peer } from './peers/catalog.ts'
import type { Scale } from './workloads/catalog.ts'

export type Mode = 'compare' | 'growth' | 'heap'

/** What the command line asked for, with every default filled in. */
export interface Options {
  readonly mode: Mode
  /** Ids of workloads or axes; undefined: all. */
  readonly only: readonly string[] | undefined
  readonly peers: readonly Peer[]
  /** Whether `--peers` chose them. */
  readonly peersChosen: boolean
  readonly pace: Pace
  readonly scale: Scale
  readonly memory: MemorySize & { readonly rounds: number }
  /** Whether one server process per peer serves all workloads, instead of a fresh one for each. */
  readonly keepServers: boolean
  /** Beginning of the names of the files written. */
  readonly out: string
  readonly profile: boolean
}

export const USAGE = `npm run bench -- [options]
  --quick              a first look in about a minute: fewer rounds, smaller sizes
  --growth             how cost grows along each axis, instead of the comparison
  --heap               what one connection and one topic keep alive, object by object
  --only=a,b           only these workloads (or axes)
  --peers=a,b          only these peers: ${PEERS.map((peer) => peer.name).join(', ')}
  --before=folder      also the beryl of another checkout, in which the bench was run once
  --rounds=n           rounds, at least 1
  --run-ms=n           how long one run loads one server
  --joins=n            connections of the workload "joins"
  --profile            write a CPU profile of every server
  --out=name           names of the result files begin so (default: mode and date)`

/** @throws TypeError naming the argument that is unknown or wrong */
export function readOptions(argv: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      quick: { type: 'boolean', default: false },
      growth: { type: 'boolean', default: false },
      heap: { type: 'boolean', default: false },
      profile: { type: 'boolean', default: false },
      only: { type: 'string' },
      peers: { type: 'string' },
      before: { type: 'string' },
      rounds: { type: 'string' },
      'run-ms': { type: 'string' },
      joins: { type: 'string' },
      out: { type: 'string' },
    },
  })
  const mode = values.growth ? 'growth' : values.heap ? 'heap' : 'compare'
  const defaults = values.quick ? QUICK : mode === 'growth' ? GROWTH : FULL
  return {
    ...defaults,
    mode,
    only: values.only?.split(','),
    peers: chosenPeers(values),
    peersChosen: values.peers !== undefined,
    pace: {
      ...defaults.pace,
      rounds: count('rounds', values.rounds) ?? defaults.pace.rounds,
      runMs: count('run-ms', values['run-ms']) ?? defaults.pace.runMs,
    },
    scale: { ...defaults.scale, joins: count('joins', values.joins) ?? defaults.scale.joins },
    out: values.out ?? `${mode}-${new Date().toISOString().slice(0, 19).replaceAll(':', '')}`,
    profile: values.profile,
  }
}

type Defaults = Pick<Options, 'pace' | 'scale' | 'memory' | 'keepServers'>

const FULL: Defaults = {
  pace: { rounds: 5, runMs: 2_000, warmMs: 1_500 },
  scale: { subscribers: 1_000, rooms: 100, joins: 10_000 },
  memory: { connections: 5_000, furtherTopics: 10, rounds: 3 },
  keepServers: false,
}

const GROWTH: Defaults = { ...FULL, pace: { rounds: 3, runMs: 1_000, warmMs: 700 } }

const QUICK: Defaults = {
  pace: { rounds: 3, runMs: 150, warmMs: 200 },
  scale: { subscribers: 300, rooms: 100, joins: 600 },
  memory: { connections: 1_500, furtherTopics: 5, rounds: 1 },
  keepServers: true,
}

function chosenPeers({
  peers,
  before,
}: {
  peers?: string | undefined
  before?: string | undefined
}): readonly Peer[] {
  const chosen = peers?.split(',').map(peerNamed) ?? PEERS
  return before === undefined ? chosen : [...chosen, berylBefore(before)]
}

function peerNamed(name: string): Peer {
  const peer = PEERS.find((candidate) => candidate.name === name)
  if (peer === undefined) {
    throw new TypeError(`--peers: no peer "${name}"; there are ${PEERS.map((each) => each.name).join(', ')}`)
  }
  return peer
}

function count(option: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined
  const number = Number(value)
  if (!Number.isInteger(number) || number < 1) {
    throw new TypeError(`--${option}: wanted a whole number of at least 1, got "${value}"`)
  }
  return number
}
