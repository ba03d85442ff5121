import type { Clock, Timer } from '../ground/clock.ts'
import { Exit } from '../supervision/exit.ts'
import type { ExitReason } from '../supervision/exit-reason.ts'
import type { Lane } from './lane.ts'

/** The part of a replicated process that is its own: its messages, and its work once a period. */
export interface ReplicatedInit<Message> {
  readonly lane: Lane
  readonly clock: Clock
  readonly periodMs: number
  readonly encode: (message: Message) => Uint8Array
  /** Decodes and takes a message of another node. Throws where it is of another version, foreign or forged. */
  readonly take: (from: string, bytes: Uint8Array) => void
  /** Told of a message that could not be taken, which is no reason to end. */
  readonly ignored: (from: string, error: unknown) => void
  readonly tick: () => void
}

/** The life that all replicated processes have: from its making it listens, and ticks once a period, until it is stopped. */
export class Replicated<Message> {
  readonly #init: ReplicatedInit<Message>
  readonly #exit = new Exit()
  readonly #timer: Timer
  readonly #unlisten: () => void
  #running = true

  constructor(init: ReplicatedInit<Message>) {
    this.#init = init
    this.#unlisten = init.lane.listen((from, bytes) => this.#receive(from, bytes))
    this.#timer = init.clock.setInterval(() => this.guard(init.tick), init.periodMs)
  }

  get exited(): Promise<ExitReason> {
    return this.#exit.exited
  }

  get isRunning(): boolean {
    return this.#running
  }

  /** Sends to one node, or to all. */
  send(to: string | undefined, message: Message): void {
    const bytes = this.#init.encode(message)
    if (to === undefined) this.#init.lane.publish(bytes)
    else this.#init.lane.send(to, bytes)
  }

  /** An error in here is a fault of ours: the process ends with it and its supervisor starts another. */
  guard(work: () => void): void {
    if (!this.#running) return
    try {
      work()
    } catch (error) {
      this.stop({ error })
    }
  }

  stop(reason: ExitReason): void {
    if (!this.#running) return
    this.#running = false
    this.#timer.cancel()
    this.#unlisten()
    this.#exit.end(reason)
  }

  #receive(from: string, bytes: Uint8Array): void {
    if (!this.#running) return
    try {
      this.#init.take(from, bytes)
    } catch (error) {
      this.#init.ignored(from, error)
    }
  }
}
