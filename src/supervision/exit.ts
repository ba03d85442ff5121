import type { ExitReason } from './exit-reason.ts'

/** The end of a process, as its supervisor waits for it. Only the first reason counts. */
export class Exit {
  readonly exited: Promise<ExitReason>
  #resolve: (reason: ExitReason) => void = () => {}

  constructor() {
    this.exited = new Promise((resolve) => {
      this.#resolve = resolve
    })
  }

  end(reason: ExitReason): void {
    this.#resolve(reason)
  }
}
