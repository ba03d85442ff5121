import nodeCluster from 'node:cluster'
import { availableParallelism } from 'node:os'
import { systemClock } from '../ground/clock.ts'
import { berylError } from '../ground/errors.ts'
import {
  type Fields,
  fn,
  type Limit,
  limit,
  list,
  refuseOption,
  section,
  whole,
} from '../ground/option-checks.ts'
import { type DynamicSupervisor, startDynamicSupervisor } from '../supervision/dynamic-supervisor.ts'
import type { Report } from '../supervision/events.ts'
import type { ExitReason } from '../supervision/exit-reason.ts'
import type { TreeNode } from '../supervision/process.ts'
import { role } from './cluster-role.ts'
import { ForkedWorker } from './forked-worker.ts'
import { portOf } from './port.ts'
import { HISTORY_BYTES, Relay } from './relay.ts'

/** The options of {@link startWorkers}. */
export interface WorkersOptions {
  /** So many workers. @default `os.availableParallelism()` */
  readonly count?: number | undefined
  /** So many restarts within `periodMs` pass; one more and all are ended. @default 10 */
  readonly intensity?: number | undefined
  /** In milliseconds. @default 60_000 */
  readonly periodMs?: number | undefined
  /** A worker listens within so many milliseconds, or it is killed and has failed. @default 30_000 */
  readonly startTimeoutMs?: number | undefined
  /** A worker that is asked to end has so many milliseconds to drain, then it is killed. @default 45_000 */
  readonly drainTimeoutMs?: number | undefined
  /** The file that workers run. @default that of the primary */
  readonly exec?: string | undefined
  /** Its arguments. @default those of the primary */
  readonly args?: readonly string[] | undefined
  /**
   * Bytes of all logs that channels with a `history` keep in the primary. Above: topics that no worker hears are forgotten, then
   * the longest logs are cut. `false`: no limit. @default 67_108_864
   */
  readonly historyBytes?: Limit | undefined
  /** Takes what happens: starts, ends, restarts. Nothing is logged without it. */
  readonly report?: Report | undefined
}

/** The workers of a primary. */
export interface Workers {
  /**
   * Replaces one worker after another: starts the next, then lets the old one drain. Where a new one does not listen, the rest
   * stays as it is.
   *
   * @returns rejects with `BERYL_ERR_START_FAILED`; with `BERYL_ERR_NOPROC` once they stop
   */
  restart(): Promise<void>
  /** Lets all drain, at the same time, and resolves when they have ended. */
  stop(): Promise<void>
  /** The tree of workers, as plain data: `formatTree` of `fastify-beryl/supervision` draws it. */
  inspect(): TreeNode
  /**
   * Resolves when all have ended: `normal` after `stop()`, `shutdown` after too many restarts. The exit code of the process is
   * 1 then, unless it was set.
   */
  readonly exited: Promise<ExitReason>
}

const OPTIONS: readonly (keyof WorkersOptions)[] = [
  'count',
  'intensity',
  'periodMs',
  'startTimeoutMs',
  'drainTimeoutMs',
  'exec',
  'args',
  'historyBytes',
  'report',
]

/**
 * Forks the workers of this primary and relays between them: `cluster()` in each of them finds the others through it. A worker
 * that dies is forked again by a supervisor. The logs of topics are here, and end with this process. Resolves when all listen.
 *
 * @throws `BERYL_ERR_OPTION_INVALID`, `BERYL_ERR_CLUSTER`, `BERYL_ERR_START_FAILED`
 * @example
 * const workers = await startWorkers({ count: 4 })
 * process.once('SIGTERM', () => void workers.stop())
 */
export async function startWorkers(options: WorkersOptions = {}): Promise<Workers> {
  const given = section('startWorkers', options, OPTIONS)
  const count = whole('startWorkers.count', given.count, availableParallelism(), 1, 1_024)
  refuseHere()
  role.isRelaying = true
  try {
    return await new Primary(given).start(count)
  } catch (error) {
    role.isRelaying = false
    throw error
  }
}

function refuseHere(): void {
  const why = nodeCluster.isWorker
    ? 'startWorkers() is for the primary, and this process is a worker: ask cluster.isPrimary of node:cluster'
    : role.isRelaying
      ? 'startWorkers() is at work already: one call forks all, see its option count'
      : role.alone > 0
        ? 'an application with cluster() runs in this process: in a primary only its workers serve'
        : undefined
  if (why !== undefined) throw berylError('BERYL_ERR_CLUSTER', why)
}

type Pool = DynamicSupervisor<[], ForkedWorker>

class Primary {
  readonly #relay: Relay
  readonly #given: Fields
  readonly #policy: { readonly startTimeoutMs: number; readonly shutdownMs: number }

  constructor(given: Fields) {
    this.#given = given
    this.#relay = new Relay(
      systemClock,
      limit('startWorkers.historyBytes', given.historyBytes, HISTORY_BYTES),
    )
    this.#policy = {
      startTimeoutMs: whole('startWorkers.startTimeoutMs', given.startTimeoutMs, 30_000, 1),
      shutdownMs: whole('startWorkers.drainTimeoutMs', given.drainTimeoutMs, 45_000, 1),
    }
  }

  async start(count: number): Promise<Workers> {
    this.#setUp()
    const report = fn<Report>('startWorkers.report', this.#given.report)
    const pool = await startDynamicSupervisor({
      name: 'workers',
      intensity: whole('startWorkers.intensity', this.#given.intensity, 10, 0),
      periodMs: whole('startWorkers.periodMs', this.#given.periodMs, 60_000, 1),
      ...(report === undefined ? {} : { report }),
      child: { ...this.#policy, start: ({ signal }) => this.#fork(signal) },
    })
    try {
      await Promise.all(Array.from({ length: count }, () => pool.startChild()))
    } catch (error) {
      await pool.stop()
      throw error
    }
    return workersOf(pool)
  }

  /** Bytes are bytes on the channel with `advanced`, JSON makes objects of them. */
  #setUp(): void {
    const { exec, args } = this.#given
    if (exec !== undefined && typeof exec !== 'string')
      refuseOption('startWorkers.exec', 'the path of a file', exec)
    const words = list('startWorkers.args', args, 'texts', (word): word is string => typeof word === 'string')
    nodeCluster.setupPrimary({
      serialization: 'advanced',
      ...(typeof exec === 'string' ? { exec } : {}),
      ...(args === undefined ? {} : { args: [...words] }),
    })
  }

  #fork(signal: AbortSignal): Promise<ForkedWorker> {
    const worker = nodeCluster.fork()
    this.#relay.attach(portOf(worker))
    return new ForkedWorker(worker).listening(signal)
  }
}

function workersOf(pool: Pool): Workers {
  let isStopped = false
  /** One roll at a time: two would replace the same worker twice. */
  let rolled: Promise<unknown> = Promise.resolve()
  void pool.exited.then(() => {
    role.isRelaying = false
    if (!isStopped) process.exitCode ??= 1
  })
  return {
    restart() {
      const rolling = rolled.then(() => roll(pool))
      rolled = rolling.catch(() => {})
      return rolling
    },
    async stop() {
      isStopped = true
      await pool.stop()
    },
    inspect: () => pool.inspect(),
    exited: pool.exited,
  }
}

/** One that died meanwhile has been replaced already. */
async function roll(pool: Pool): Promise<void> {
  for (const { handle } of pool.children()) {
    if (!isRunning(pool, handle)) continue
    const next = await pool.startChild()
    await pool.terminateChild(isRunning(pool, handle) ? handle : next)
  }
}

function isRunning(pool: Pool, handle: unknown): handle is ForkedWorker {
  return handle instanceof ForkedWorker && pool.which(handle) !== undefined
}
