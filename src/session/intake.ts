import type { Connection } from '../channel/connection.ts'
import type { WaitingTopic } from '../channel/outlet.ts'
import type { Watch } from '../ground/watch.ts'
import type { Arrival } from './arrival.ts'
import { InFlight } from './in-flight.ts'
import { Reports, type ReportsRuntime } from './reports.ts'
import type { Wire } from './wire.ts'

/** The demands of an intake on the tree. */
export interface IntakeRuntime extends ReportsRuntime {
  /** By whose time clients are judged. */
  readonly watch: Watch
  /** Async callbacks at work for one client. Above, its socket is not read until half of them are done. */
  readonly pendingHandlers: number
}

/**
 * The reading of one client: it stops while as many async callbacks are at work as may be, and a client from which nothing
 * comes for too long is silent. A class to extend, as {@link Reports}.
 */
export abstract class Intake<R extends IntakeRuntime> extends Reports<R> {
  readonly wire: Wire
  /** Set to false once: at the end. */
  isOpen = true
  #bytesRead = 0
  #activeAt: number
  #inFlight: InFlight | undefined

  constructor(runtime: R, connection: Connection | Arrival, wire: Wire) {
    super(runtime, connection)
    this.wire = wire
    this.#activeAt = runtime.watch.now
  }

  abstract broke(error: unknown): void

  /**
   * For how long no byte came from the client, by the time of the watch. Looked at now and then, so that messages need not be
   * counted.
   */
  silentMs(now: number): number {
    const { bytesRead } = this.wire
    // A paused socket delivers nothing, so its silence proves nothing.
    if (bytesRead !== this.#bytesRead || this.#inFlight?.isPaused) {
      this.#bytesRead = bytesRead
      this.#activeAt = now
    }
    return now - this.#activeAt
  }

  /** An async callback began. */
  pending(): void {
    this.#atWork().began()
  }

  /** An async callback is done. */
  settled(): void {
    this.#atWork().done()
  }

  get isFull(): boolean {
    return this.#inFlight?.isFull ?? false
  }

  get isOverdue(): boolean {
    return this.#inFlight?.isOverdue ?? false
  }

  awaitRoom(topic: WaitingTopic): void {
    if (this.isOpen && this.#atWork().wait(topic)) this.limitReached('limits.pendingHandlers')
  }

  /** Made on first use: most clients never meet an async callback. */
  #atWork(): InFlight {
    this.#inFlight ??= new InFlight(this, this.runtime.pendingHandlers, this.runtime.clock)
    return this.#inFlight
  }

  /** The number of async callbacks at work. */
  protected get pendingCallbacks(): number {
    return this.#inFlight?.count ?? 0
  }

  /** Resolves when none is at work, or after `ms`. */
  protected callbacksSettled(ms: number): Promise<void> | undefined {
    return this.#inFlight?.settled(ms)
  }

  /** Nobody waits any more; the client is read. */
  protected release(): void {
    this.#inFlight?.release()
  }

  /** A topic ended: it waits for nothing. */
  protected waitsNoMore(topic: WaitingTopic): void {
    this.#inFlight?.forget(topic)
  }
}
