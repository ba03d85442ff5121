import type { Process } from './process.ts'

/** The signals that end a supervisor: that of its options at any time, that of its own supervisor while it starts. */
export class EndSignals {
  readonly #supervisor: Process
  readonly #own: AbortSignal | undefined
  readonly #parent: AbortSignal | undefined
  readonly #onOwn = (): void => this.#supervisor.shutdown('shutdown')
  readonly #onParent = (): void => this.#parentAborted()

  constructor(supervisor: Process, own: AbortSignal | undefined, parent: AbortSignal | undefined) {
    this.#supervisor = supervisor
    this.#own = own
    this.#parent = parent
  }

  listen(): void {
    listen(this.#own, this.#onOwn)
    listen(this.#parent, this.#onParent)
  }

  /** From now on its own supervisor has a process of it that it can ask. */
  started(): void {
    this.#parent?.removeEventListener('abort', this.#onParent)
  }

  forget(): void {
    this.#own?.removeEventListener('abort', this.#onOwn)
    this.started()
  }

  #parentAborted(): void {
    const asked: unknown = this.#parent?.reason
    if (asked instanceof Error && asked.cause === 'killed') this.#supervisor.kill()
    else this.#supervisor.shutdown('shutdown')
  }
}

function listen(signal: AbortSignal | undefined, onAbort: () => void): void {
  if (signal?.aborted) onAbort()
  else signal?.addEventListener('abort', onAbort, { once: true })
}
