import type { Worker } from 'node:cluster'
import { Exit } from '../supervision/exit.ts'
import type { ExitReason } from '../supervision/exit-reason.ts'
import type { Process } from '../supervision/process.ts'

/** A worker of `node:cluster` as a supervisor sees it. */
export class ForkedWorker implements Process {
  readonly #exit = new Exit()
  readonly exited = this.#exit.exited
  readonly worker: Worker
  /** It was asked to end, for this. */
  #asked: ExitReason | undefined

  constructor(worker: Worker) {
    this.worker = worker
    worker.on('exit', (code, signal) => this.#exit.end(this.#asked ?? { error: ended(worker, code, signal) }))
    // Of one that was never made, no `exit` follows. For others: a message that cannot be sent any more.
    worker.on('error', (error) => {
      if (worker.process.pid === undefined) this.#exit.end({ error })
    })
  }

  /** @returns when it listens; rejects where it ends before that, or is not waited for any more */
  listening(signal: AbortSignal): Promise<this> {
    return new Promise((resolve, reject) => {
      const giveUp = (): void => this.kill()
      // Aborted also when a worker that listens is asked to end.
      signal.addEventListener('abort', giveUp, { once: true })
      this.worker.once('listening', () => {
        signal.removeEventListener('abort', giveUp)
        resolve(this)
      })
      void this.exited.then((reason) => reject(errorOf(reason)))
    })
  }

  /** Asks with SIGTERM, as a service manager does: the worker drains, closes and ends. */
  shutdown(reason: ExitReason): void {
    if (this.#asked !== undefined) return
    this.#asked = reason
    this.worker.process.kill('SIGTERM')
  }

  kill(): void {
    this.#asked = 'killed'
    this.worker.process.kill('SIGKILL')
  }
}

function ended({ process: { pid } }: Worker, code: number | null, signal: string | null): Error {
  return new Error(`worker ${pid} ended with ${signal ?? code}`)
}

function errorOf(reason: ExitReason): unknown {
  return typeof reason === 'object' && 'error' in reason ? reason.error : new Error('it was asked to end')
}
