import { failure, inspectShort } from './failure.ts'
import type { Patience } from './patience.ts'

/** Anything that comes: a message of the server, or a broadcast that was heard. */
export interface Arrival {
  readonly topic: string
  readonly event: string
  readonly payload: unknown
}

/** A callback of the application that failed while a client was there. */
export interface Crash {
  readonly topic: string
  /** The event whose handler failed; `join` where that did. */
  readonly event: string
  readonly error: unknown
}

/** An expectation of a test: something that comes, or must not. */
export interface Wanted<L extends Arrival> {
  /** The method that the test called. */
  readonly operator: string
  readonly summary: string
  readonly topic: string
  readonly expected: unknown
  readonly fits: (arrival: L) => boolean
  /** True where nothing that fits can come any more. */
  readonly isHopeless?: () => boolean
}

/** The arrivals that were not expected yet, in order. */
export class Arrivals<L extends Arrival> {
  readonly #patience: Patience
  readonly #crashes: readonly Crash[]
  #unread: L[] = []

  constructor(patience: Patience, crashes: readonly Crash[]) {
    this.#patience = patience
    this.#crashes = crashes
  }

  put(arrival: L): void {
    this.#unread.push(arrival)
    this.#patience.wake()
  }

  /** Waits for the first arrival that fits, and takes it out. */
  expect(wanted: Wanted<L>): Promise<L> {
    return this.#patience.until(
      () => this.#take(wanted.fits),
      wanted.isHopeless ?? (() => false),
      () => this.failure(wanted),
    )
  }

  /** Lets all that is ready run, and fails where an arrival fits. */
  async refute(wanted: Wanted<L>): Promise<void> {
    await this.#patience.settle()
    const arrival = this.#unread.find(wanted.fits)
    if (arrival !== undefined) throw this.failure(wanted, arrival)
  }

  /** The failure of an expectation, with what came instead. */
  failure({ operator, summary, topic, expected }: Wanted<L>, actual?: L): Error {
    const cause = this.crash(topic)
    if (actual !== undefined)
      return failure({ operator, summary, instead: [line(actual)], expected, actual, cause })
    const unread = this.#unread.filter((arrival) => arrival.topic === topic)
    return failure({ operator, summary, instead: unread.map(line), expected, actual: unread, cause })
  }

  /** The last error of a callback on this topic. */
  crash(topic: string): unknown {
    return this.#crashes.findLast((crash) => crash.topic === topic)?.error
  }

  #take(fits: (arrival: L) => boolean): L | undefined {
    const index = this.#unread.findIndex(fits)
    return index === -1 ? undefined : this.#unread.splice(index, 1)[0]
  }
}

function line({ event, payload }: Arrival): string {
  if (event !== 'phx_reply') return `${event} ${inspectShort(payload)}`
  const { status, response } = payload as { status: string; response: unknown }
  return `reply "${status}" ${inspectShort(response)}`
}
