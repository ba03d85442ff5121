import { spawnSync } from 'node:child_process'
import { availableParallelism } from 'node:os'
import type { NodeBinary } from './node.ts'

/** The core on which every server runs, and the one of the load. */
const SERVER_CORE = 0
const LOAD_CORE = 1

/** True where servers and load can be kept apart: two cores and `taskset` (Linux). */
export function canPin(): boolean {
  return availableParallelism() >= 2 && spawnSync('taskset', ['-V']).status === 0
}

/** Where servers run. */
export interface Place {
  /** True where servers and load have a core each. */
  readonly pinned: boolean
  readonly node: NodeBinary
}

/** The command that runs a server with `argv`, on the core of the servers. */
export function serverCommand(
  { pinned, node }: Place,
  argv: readonly string[],
): [command: string, argv: string[]] {
  if (!pinned) return [node.path, [...argv]]
  return ['taskset', ['-c', String(SERVER_CORE), node.path, ...argv]]
}

/** Moves this process, with all of its threads, to the core of the load. */
export function pinLoad(): void {
  const moved = spawnSync('taskset', ['-a', '-cp', String(LOAD_CORE), String(process.pid)])
  if (moved.status !== 0) throw new Error(`taskset: ${moved.stderr}`)
}
