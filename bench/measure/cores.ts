import { spawnSync } from 'node:child_process'
import { availableParallelism } from 'node:os'
import type { NodeBinary } from './node.ts'

/** Before the load was moved to one of them. */
const CORES = availableParallelism()
const LOAD_CORE = 1

/** The core on which every server runs, where it runs on one. */
export const SERVER_CORE = '0'
/** For servers with threads, or processes, of their own. The load keeps to its core, which they share. */
export const ALL_CORES = `0-${CORES - 1}`

/** True where servers and load can be kept apart: two cores and `taskset` (Linux). */
export function canPin(): boolean {
  return CORES >= 2 && spawnSync('taskset', ['-V']).status === 0
}

/** Where servers run. */
export interface Place {
  /** The cores that servers may use, as `taskset` lists them; undefined where nothing keeps servers and load apart. */
  readonly cores: string | undefined
  readonly node: NodeBinary
}

/** The command that runs a server with `argv`, on the cores of the servers. */
export function serverCommand(
  { cores, node }: Place,
  argv: readonly string[],
): [command: string, argv: string[]] {
  if (cores === undefined) return [node.path, [...argv]]
  return ['taskset', ['-c', cores, node.path, ...argv]]
}

/** Moves this process, with all of its threads, to the core of the load. */
export function pinLoad(): void {
  const moved = spawnSync('taskset', ['-a', '-cp', String(LOAD_CORE), String(process.pid)])
  if (moved.status !== 0) throw new Error(`taskset: ${moved.stderr}`)
}
