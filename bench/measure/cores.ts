import { spawnSync } from 'node:child_process'
import { availableParallelism } from 'node:os'

/** The core on which every server runs, and the one of the load. */
const SERVER_CORE = 0
const LOAD_CORE = 1

/** True where servers and load can be kept apart: two cores and `taskset` (Linux). */
export function canPin(): boolean {
  return availableParallelism() >= 2 && spawnSync('taskset', ['-V']).status === 0
}

/** The command that runs `node` with `argv` on the core of the servers. */
export function serverCommand(pinned: boolean, argv: readonly string[]): [command: string, argv: string[]] {
  if (!pinned) return [process.execPath, [...argv]]
  return ['taskset', ['-c', String(SERVER_CORE), process.execPath, ...argv]]
}

/** Moves this process, with all of its threads, to the core of the load. */
export function pinLoad(): void {
  const moved = spawnSync('taskset', ['-a', '-cp', String(LOAD_CORE), String(process.pid)])
  if (moved.status !== 0) throw new Error(`taskset: ${moved.stderr}`)
}
