import type { Clock, Timer } from '../ground/clock.ts'
import { berylError } from '../ground/errors.ts'
import type { AppendOptions, LogPosition } from '../pubsub/log.ts'
import type { MaybePromise } from '../supervision/process.ts'
import { isUnavailable, type LogDoor } from './log-door.ts'

/** The limit of entries that wait while the log is away, over all topics. */
const MAX_WAITING = 1_000
/** The limit of all that is on its way into the log: also a log in reach takes no more than that at once. */
const MAX_BYTES = 32 * 1_024 * 1_024
/** An entry on its way costs so much beside its text, about. */
const COST_BYTES = 512
/** Failed entries are tried again so often, and all that waits is looked at. */
const AGAIN_MS = 250
/** An entry waits so long: with the time until the next look, 5 s at the most. */
const WAIT_MS = 5_000 - AGAIN_MS

/** An entry on its way into the log. */
interface Pending {
  readonly topic: string
  readonly text: string
  readonly options: AppendOptions
  readonly until: number
  /** It may be in the log: an attempt at it had no clear end. */
  mayBeIn: boolean
  /** It could not be tried, or an attempt failed. */
  isWaiting: boolean
  isOver: boolean
  resolve(position: LogPosition): void
  reject(error: Error): void
}

/** The entries of one topic, in order: those that failed before those that were not tried. */
interface Lane {
  readonly atWork: Set<Pending>
  failed: Pending[]
  waiting: Pending[]
}

/**
 * The way into the log. What one node publishes on a topic keeps its order, also where the log fails for a while: then what was
 * made later waits behind what is tried again. An entry is tried again with its id, so that it is there once.
 */
export class Publisher {
  readonly #door: LogDoor
  readonly #clock: Clock
  /** Topics for which something waits or is at work. */
  readonly #lanes = new Map<string, Lane>()
  /** All that is at work or waits, and how much of it waits. */
  #pending = 0
  #bytes = 0
  #waiting = 0
  #timer: Timer | undefined
  #drained: Drained | undefined

  constructor(door: LogDoor, clock: Clock) {
    this.#door = door
    this.#clock = clock
  }

  /** The number of entries that are not in the log yet. */
  get waiting(): number {
    return this.#pending
  }

  /** Gives the position at once where the log does. @throws, or rejects with, the errors of {@link LogDoor}. */
  append(topic: string, text: string, options: AppendOptions): MaybePromise<LogPosition> {
    const lane = this.#lanes.get(topic)
    if (lane !== undefined && lane.failed.length + lane.waiting.length > 0)
      return this.#wait(topic, text, options)
    if (this.#bytes >= MAX_BYTES) throw refused(topic, TOO_MUCH)
    const answer = this.#door.append(topic, text, options)
    if (!(answer instanceof Promise)) return answer
    return this.#promise(topic, text, options, (pending) => this.#follow(pending, answer))
  }

  /** The log is in reach again. */
  retry(): void {
    for (const [topic, lane] of [...this.#lanes]) this.#resume(topic, lane)
  }

  /** Resolves when nothing waits: after 5 s at the most, where nothing is added. */
  drained(): Promise<void> {
    if (this.#pending === 0) return Promise.resolve()
    this.#drained ??= this.#makeDrained()
    return this.#drained.promise
  }

  /** Keeps the process alive meanwhile, which the interval does not. */
  #makeDrained(): Drained {
    const timer = this.#clock.setTimeout(() => {}, WAIT_MS + AGAIN_MS)
    let resolve: () => void = () => {}
    const promise = new Promise<void>((settle) => {
      resolve = settle
    })
    return { promise: promise.finally(() => timer.cancel()), resolve }
  }

  /** Nothing is tried any more. */
  stop(): void {
    this.#timer?.cancel()
    for (const lane of [...this.#lanes.values()])
      for (const pending of [...lane.failed, ...lane.waiting, ...lane.atWork])
        this.#end(pending, gaveUp(pending, 'the node stops', lane.atWork.has(pending)))
    this.#lanes.clear()
  }

  #wait(topic: string, text: string, options: AppendOptions): Promise<LogPosition> {
    if (this.#waiting >= MAX_WAITING) throw refused(topic, TOO_MANY)
    if (this.#bytes >= MAX_BYTES) throw refused(topic, TOO_MUCH)
    return this.#promise(topic, text, options, (pending) => {
      this.#waits(pending)
      this.#lanes.get(topic)?.waiting.push(pending)
    })
  }

  #promise(
    topic: string,
    text: string,
    options: AppendOptions,
    begin: (pending: Pending) => void,
  ): Promise<LogPosition> {
    this.#pending++
    this.#bytes += text.length + COST_BYTES
    const until = this.#clock.now() + WAIT_MS
    const state = { mayBeIn: false, isWaiting: false, isOver: false }
    const promise = new Promise<LogPosition>((resolve, reject) =>
      begin({ topic, text, options, until, ...state, resolve, reject }),
    )
    this.#timer ??= this.#clock.setInterval(() => this.#look(), AGAIN_MS)
    return promise
  }

  #follow(pending: Pending, answer: Promise<LogPosition>): void {
    const { topic } = pending
    const lane = this.#lanes.get(topic) ?? { atWork: new Set<Pending>(), failed: [], waiting: [] }
    this.#lanes.set(topic, lane)
    lane.atWork.add(pending)
    void answer.then(
      (position) => {
        lane.atWork.delete(pending)
        if (!pending.isOver) this.#over(pending).resolve(position)
        this.#tidy(topic, lane)
      },
      (error) => {
        lane.atWork.delete(pending)
        pending.mayBeIn ||= !isUnavailable(error)
        if (!pending.isOver) this.#failed(pending, lane)
        this.#tidy(topic, lane)
      },
    )
  }

  /** An attempt failed. Its place among those that wait is kept while it is tried again. */
  #failed(pending: Pending, lane: Lane): void {
    if (!pending.isWaiting && this.#waiting >= MAX_WAITING)
      return this.#end(pending, gaveUp(pending, TOO_MANY))
    this.#waits(pending)
    lane.failed.push(pending)
  }

  #waits(pending: Pending): void {
    if (!pending.isWaiting) this.#waiting++
    pending.isWaiting = true
  }

  #tidy(topic: string, lane: Lane): void {
    if (lane.atWork.size > 0 || lane.failed.length + lane.waiting.length > 0) return
    if (this.#lanes.get(topic) === lane) this.#lanes.delete(topic)
  }

  #over(pending: Pending): Pending {
    pending.isOver = true
    this.#pending--
    this.#bytes -= pending.text.length + COST_BYTES
    if (pending.isWaiting) this.#waiting--
    if (this.#pending === 0) {
      this.#drained?.resolve()
      this.#drained = undefined
    }
    return pending
  }

  #end(pending: Pending, error: Error): void {
    if (!pending.isOver) this.#over(pending).reject(error)
  }

  /** The last entry leaves the timer to the next look: where one follows the other it is not set anew for each. */
  #look(): void {
    if (this.#lanes.size === 0) {
      this.#timer?.cancel()
      this.#timer = undefined
    }
    const now = this.#clock.now()
    for (const [topic, lane] of [...this.#lanes]) {
      const isLate = ({ until }: Pending): boolean => now >= until
      for (const pending of [...lane.failed, ...lane.waiting].filter(isLate))
        this.#end(pending, gaveUp(pending, LATE))
      for (const pending of [...lane.atWork].filter(isLate)) this.#end(pending, gaveUp(pending, LATE, true))
      lane.failed = lane.failed.filter(({ isOver }) => !isOver)
      lane.waiting = lane.waiting.filter(({ isOver }) => !isOver)
      this.#resume(topic, lane)
    }
  }

  /** Tries again what failed, when nothing of the topic is at work; one first, for the others would only fail with it. */
  #resume(topic: string, lane: Lane): void {
    if (lane.atWork.size > 0) return
    // Only where there are any: a thousand that wait are not copied for each that goes.
    if (lane.failed.length > 0) lane.waiting = [...lane.failed, ...lane.waiting]
    lane.failed = []
    const first = lane.waiting.shift()
    if (first === undefined) return this.#tidy(topic, lane)
    const answer = this.#attempt(first)
    this.#follow(first, answer)
    void answer.then(() => this.#resume(topic, lane)).catch(() => {})
  }

  async #attempt({ topic, text, options, mayBeIn }: Pending): Promise<LogPosition> {
    return this.#door.append(topic, text, mayBeIn ? { ...options, isNew: false } : options)
  }
}

interface Drained {
  readonly promise: Promise<void>
  readonly resolve: () => void
}

const TOO_MANY = `${MAX_WAITING} entries wait for the log already`
const TOO_MUCH = 'entries of 32 MiB are on their way into the log already'
const LATE = 'it was out of reach for 5 s'

function refused(topic: string, why: string): Error {
  return berylError('BERYL_ERR_HISTORY_UNAVAILABLE', topic, why)
}

function gaveUp({ topic, mayBeIn }: Pending, why: string, isAtWork = false): Error {
  const code = mayBeIn || isAtWork ? 'BERYL_ERR_HISTORY_UNKNOWN' : 'BERYL_ERR_HISTORY_UNAVAILABLE'
  return berylError(code, topic, why)
}
