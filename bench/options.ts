import { parseArgs } from 'node:util'
import type { MemorySize } from './measure/bench-memory.ts'
import type { Pace } from './measure/bench-workload.ts'
import { berylBefore, overTls, PEERS, type Peer, peerNamed } from './peers/catalog.ts'
import { type Scale, standardWorkloads } from './workloads/catalog.ts'
import { growthAxes } from './workloads/growth.ts'

export type Mode = 'compare' | 'growth' | 'heap' | 'cluster' | 'presence'

/** The wishes of the command line, with every default filled in. */
export interface Options {
  readonly mode: Mode
  /** Ids of workloads or axes; undefined: all. */
  readonly only: readonly string[] | undefined
  readonly peers: readonly Peer[]
  /** True where `--peers` chose them. */
  readonly peersChosen: boolean
  readonly pace: Pace
  readonly scale: Scale
  readonly memory: MemorySize & { readonly rounds: number }
  readonly cluster: ClusterSize
  /** True where one server process per peer serves all workloads, instead of a fresh one for each. */
  readonly keepServers: boolean
  /** True where all servers but two speak TLS. */
  readonly tls: boolean
  /** Beginning of the names of the files written. */
  readonly out: string
  readonly profile: boolean
  /** True where servers may use the load's core, too. */
  readonly allCores: boolean
  /** Of the servers, where that is another than the bench's own. */
  readonly nodeVersion: string | undefined
}

/** The size of everything that `--cluster` takes. */
export interface ClusterSize {
  /** Of the receiving node. */
  readonly subscribers: number
  /** Joined and left; a hundred clients share them. */
  readonly topics: number
}

export const USAGE = `npm run bench -- [options]
  --quick              a first look in about a minute: fewer rounds, smaller sizes
  --growth             how cost grows along each axis, instead of the comparison
  --heap               what one connection and one topic keep alive, object by object
  --cluster            several nodes with a Redis between them, which the bench starts itself
  --presence           members of one topic who are cut off, and come back within 5 s
  --tls                all servers over TLS, and ws-raw and beryl without it beside them
  --only=a,b           only these workloads (or axes)
  --peers=a,b          only these peers: ${PEERS.map((peer) => peer.name).join(', ')}
  --before=folder      also the beryl of another checkout, in which the bench was run once
  --rounds=n           rounds, at least 1
  --run-ms=n           how long one run loads one server
  --joins=n            connections of the workload "joins", and members of --presence
  --node=24            run the servers on this version of Node, from the npm package "node"
  --all-cores          servers may use the core of the load, too, as threads of V8 do outside of a bench
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
      cluster: { type: 'boolean', default: false },
      presence: { type: 'boolean', default: false },
      tls: { type: 'boolean', default: false },
      profile: { type: 'boolean', default: false },
      'all-cores': { type: 'boolean', default: false },
      only: { type: 'string' },
      peers: { type: 'string' },
      before: { type: 'string' },
      rounds: { type: 'string' },
      'run-ms': { type: 'string' },
      joins: { type: 'string' },
      out: { type: 'string' },
      node: { type: 'string' },
    },
  })
  const mode = modeOf(values)
  const defaults = values.quick ? QUICK : mode === 'growth' ? GROWTH : FULL
  return {
    ...defaults,
    mode,
    only: chosenParts(values.only, mode),
    peers: chosenPeers(values),
    peersChosen: values.peers !== undefined,
    pace: {
      ...defaults.pace,
      rounds: count('rounds', values.rounds) ?? defaults.pace.rounds,
      runMs: count('run-ms', values['run-ms']) ?? defaults.pace.runMs,
    },
    scale: { ...defaults.scale, joins: count('joins', values.joins) ?? defaults.scale.joins },
    out:
      values.out ??
      `${values.tls ? 'tls' : mode}-${new Date().toISOString().slice(0, 19).replaceAll(':', '')}`,
    profile: values.profile,
    allCores: values['all-cores'],
    tls: values.tls,
    nodeVersion: nodeVersion(values.node),
  }
}

/** The names that `--only` knows in each mode. */
const PARTS: { readonly [mode in Mode]: () => readonly string[] } = {
  compare: () => [...standardWorkloads(FULL.scale).map(({ id }) => id), 'storm', 'memory'],
  growth: () => [...growthAxes(1).map(({ id }) => id), 'variants', 'history', 'deflate'],
  cluster: () => ['receiving', 'sending', 'latency', 'interest', 'workers'],
  heap: () => [],
  presence: () => [],
}

/** The options that a mode has no use for. */
const FOREIGN: { readonly [mode in Mode]: readonly ('only' | 'peers' | 'before' | 'joins')[] } = {
  compare: [],
  growth: [],
  cluster: ['peers', 'before', 'joins'],
  heap: ['only', 'joins'],
  presence: ['only', 'peers', 'before'],
}

type Modes = { readonly [mode in 'growth' | 'heap' | 'cluster' | 'presence']: boolean }

function modeOf(
  values: Modes & { readonly tls: boolean } & {
    readonly [option in (typeof FOREIGN)[Mode][number]]?: string
  },
): Mode {
  const modes = (['growth', 'heap', 'cluster', 'presence'] as const).filter((mode) => values[mode])
  if (modes.length > 1) throw new TypeError(`--${modes.join(' and --')}: wanted one of them`)
  const mode = modes[0] ?? 'compare'
  const foreign = FOREIGN[mode].find((option) => values[option] !== undefined)
  if (values.tls && mode !== 'compare') throw new TypeError(`--tls has no effect on --${mode}`)
  if (foreign !== undefined) throw new TypeError(`--${foreign} has no effect on --${mode}`)
  return mode
}

/** @throws TypeError where the mode has no such part: nothing would be measured, and that be taken for a run. */
function chosenParts(only: string | undefined, mode: Mode): readonly string[] | undefined {
  const chosen = only?.split(',')
  const parts = PARTS[mode]()
  const unknown = chosen?.find((id) => !parts.includes(id))
  if (unknown === undefined) return chosen
  const run = mode === 'compare' ? 'the comparison' : `--${mode}`
  throw new TypeError(`--only: ${run} has no part "${unknown}"; there are ${parts.join(', ')}`)
}

type Defaults = Pick<Options, 'pace' | 'scale' | 'memory' | 'cluster' | 'keepServers'>

const FULL: Defaults = {
  pace: { rounds: 5, runMs: 2_000, warmMs: 1_500 },
  scale: { subscribers: 1_000, rooms: 100, joins: 10_000 },
  memory: { connections: 5_000, furtherTopics: 10, rounds: 3 },
  cluster: { subscribers: 200, topics: 10_000 },
  keepServers: false,
}

const GROWTH: Defaults = { ...FULL, pace: { rounds: 3, runMs: 1_000, warmMs: 700 } }

const QUICK: Defaults = {
  pace: { rounds: 3, runMs: 150, warmMs: 200 },
  scale: { subscribers: 300, rooms: 100, joins: 600 },
  memory: { connections: 1_500, furtherTopics: 5, rounds: 1 },
  cluster: { subscribers: 200, topics: 2_000 },
  keepServers: true,
}

function chosenPeers({
  peers,
  before,
  tls,
}: {
  peers?: string | undefined
  before?: string | undefined
  tls: boolean
}): readonly Peer[] {
  const named = peers?.split(',').map(peerNamed) ?? PEERS
  const chosen = before === undefined ? named : [...named, berylBefore(before)]
  return tls ? overTls(chosen) : chosen
}

/** A tag, a range or a path would be npm's to read: another Node than was meant, or a program of somebody's own. */
const NODE_VERSION = /^\d+(\.\d+){0,2}$/

function nodeVersion(version: string | undefined): string | undefined {
  if (version === undefined || NODE_VERSION.test(version)) return version
  throw new TypeError(`--node: wanted a version such as 24 or 24.1.0, got "${version}"`)
}

function count(option: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined
  const number = Number(value)
  if (!Number.isInteger(number) || number < 1) {
    throw new TypeError(`--${option}: wanted a whole number of at least 1, got "${value}"`)
  }
  return number
}
