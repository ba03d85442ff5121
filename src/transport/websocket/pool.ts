import { AgedMap } from '../../ground/aged-map.ts'

export type Job = (done: () => void) => void

/** Threads of libuv, of which there are four by default, for files and names too: so many are taken at a time. */
const AT_WORK = 2

/** Work in threads: a few pieces at a time, the others in the order in which they came. */
export class Pool {
  readonly #waiting = new AgedMap<Job, Job>()
  #atWork = 0

  /** The number of jobs that have not begun. */
  get waiting(): number {
    return this.#waiting.size
  }

  /** Begins a job now or later. It calls `done` once. */
  add(job: Job): void {
    if (this.#atWork < AT_WORK) this.#begin(job)
    else this.#waiting.set(job, job)
  }

  /** Takes back a job that has not begun. */
  drop(job: Job): void {
    this.#waiting.delete(job)
  }

  #begin(job: Job): void {
    this.#atWork++
    job(() => {
      this.#atWork--
      const { oldest } = this.#waiting
      if (oldest === undefined) return
      this.#waiting.delete(oldest.key)
      this.#begin(oldest.value)
    })
  }
}
