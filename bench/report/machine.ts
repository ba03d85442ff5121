import { execFileSync } from 'node:child_process'
import { cpus, release, totalmem } from 'node:os'
import type { Place } from '../measure/cores.ts'

/** Where and when figures come from: without it they mean nothing. */
export interface Machine {
  readonly date: string
  /** The Node of the servers. */
  readonly node: string
  readonly kernel: string
  readonly cpu: string
  readonly cores: number
  readonly memoryGiB: number
  /** Those that servers could use; undefined where nothing kept servers and load apart. */
  readonly serverCores: string | undefined
  /** Commit of this repository, with `+` where the working tree differed. */
  readonly commit: string
}

export function describeMachine({ cores, node }: Place): Machine {
  return {
    date: new Date().toISOString(),
    node: node.version,
    kernel: `${process.platform} ${release()}`,
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    serverCores: cores,
    commit: commit(),
  }
}

/** Open files that this process, and every process it starts, may hold; Node raises the soft limit by itself. */
export function openFileLimit(): number {
  const report = process.report.getReport() as { userLimits?: { open_files?: { soft?: number | string } } }
  const soft = Number(report.userLimits?.open_files?.soft)
  return Number.isFinite(soft) ? soft : 65_536
}

function commit(): string {
  try {
    const git = (...argv: string[]) => execFileSync('git', argv, { encoding: 'utf8' }).trim()
    return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain') === '' ? '' : '+')
  } catch {
    return 'not a git checkout'
  }
}
