import type { Clock, Timer } from '../ground/clock.ts'
import type { Probe, Telemetry } from '../ground/telemetry.ts'
import type { JsonText } from '../protocol/message.ts'
import type { LogListener, LogPage, LogPosition, PubSubLog } from '../pubsub/log.ts'
import type { LoggedBroadcast } from '../pubsub/logged.ts'
import type { MaybePromise } from '../supervision/process.ts'
import type { DeclaredHistory, HistoryOf } from './declared.ts'
import { writeEntry } from './entry.ts'
import { LogDoor, topicNamed } from './log-door.ts'
import { Pace } from './pace.ts'
import { Publisher } from './publisher.ts'
import { Replays } from './replays.ts'
import { Tail, type TailHost } from './tail.ts'

/** The node, as its histories see it. */
export interface HistoriesHost {
  readonly node: string
  readonly clock: Clock
  readonly telemetry: Telemetry
  /** The tails of all topics together may have so many bytes. */
  readonly maxBytes: number
  readonly historyOf: HistoryOf
  /** Passes an entry on to all who are subscribed on this node. */
  deliver(broadcast: LoggedBroadcast): void
  hears(topic: string): boolean
  /** Throws where an entry is longer than what the nodes carry. */
  checkLength(topic: string, bytes: number): void
  /** Tells all nodes that the log of a topic is another. */
  announce(topic: string): void
  /** The log has not taken its listener. */
  failed(error: unknown): void
}

/** An event on its way into a log. */
export interface Publication {
  readonly event: string
  readonly payload: JsonText
  /** The connection that it passes by. */
  readonly except?: string | undefined
  /** @default one that is made here */
  readonly id?: string | undefined
}

/** All positions are compared with the log so often; a tenth of them at a time. */
const COMPARE_MS = 10_000
const PARTS = 10
/** Tails that are too large are cut to this part. */
const ROOM_AGAIN = 0.9
/** A client that is behind goes on so often. */
const PUMP_MS = 10
/** A client is told its position so often, at the most. */
const TELL_MS = 1_000

/** The histories of one node: the tails of the logs that it hears, and the way into them. */
export class Histories {
  readonly pumps: Pace
  readonly tells: Pace
  readonly #host: HistoriesHost
  readonly #door: LogDoor
  readonly #publisher: Publisher
  readonly #replays = new Replays()
  readonly #appended: Probe<'history.appended'>
  readonly #read: Probe<'history.read'>
  readonly #tails = new Map<string, Tail>()
  readonly #tailHost: TailHost
  /** Runs while there are tails. */
  #timer: Timer | undefined
  #bytes = 0
  #isMakingRoom = false
  #round = 0
  #ids = 0

  constructor(log: PubSubLog, host: HistoriesHost) {
    const { clock } = host
    this.#host = host
    this.#appended = host.telemetry.probe('history.appended')
    this.#read = host.telemetry.probe('history.read')
    this.#door = new LogDoor(log, clock)
    this.#publisher = new Publisher(this.#door, clock)
    this.pumps = new Pace(clock, PUMP_MS)
    this.tells = new Pace(clock, TELL_MS)
    this.#tailHost = this.#makeTailHost()
    this.#door.listen(this.#listener(), host.failed)
  }

  stop(): void {
    this.pumps.stop()
    this.tells.stop()
    this.#publisher.stop()
    for (const topic of [...this.#tails.keys()]) this.unheard(topic)
  }

  /** The entries that wait for the log. */
  get waiting(): number {
    return this.#publisher.waiting
  }

  /** Resolves when no entry waits for the log any more. */
  drained(): Promise<void> {
    return this.#publisher.drained()
  }

  get telemetry(): Telemetry {
    return this.#host.telemetry
  }

  // Into the log

  /** Resolves when the log has the entry. Rejects with `BERYL_ERR_MESSAGE_TOO_LONG` where no node could be told. */
  async publish(topic: string, declared: DeclaredHistory, publication: Publication): Promise<LogPosition> {
    return this.#append(topic, declared, publication, this.#write(topic, publication))
  }

  /**
   * As {@link publish}, without anybody waiting: what does not get into the log is counted.
   *
   * @throws `BERYL_ERR_MESSAGE_TOO_LONG`
   */
  send(topic: string, declared: DeclaredHistory, publication: Publication): void {
    const text = this.#write(topic, publication)
    const dropped = (error: unknown): void =>
      this.telemetry.emit('history.dropped', { entries: 1 }, { topic, error })
    try {
      const answer = this.#append(topic, declared, publication, text)
      if (answer instanceof Promise) answer.catch(dropped)
    } catch (error) {
      dropped(error)
    }
  }

  #write(topic: string, { event, payload, except }: Publication): string {
    const text = writeEntry({ event, payload, except, at: this.#host.clock.date() })
    this.#host.checkLength(topic, Buffer.byteLength(text))
    return text
  }

  #append(
    topic: string,
    declared: DeclaredHistory,
    { event, id }: Publication,
    text: string,
  ): MaybePromise<LogPosition> {
    const { clock } = this.#host
    const { size, ttlMs } = this.#limitsOf(topic, declared)
    const probe = this.#appended
    const { isHeard } = probe
    const startedAt = isHeard ? clock.now() : 0
    const appended = (position: LogPosition): LogPosition => {
      probe.emit({ durationMs: clock.now() - startedAt }, { topic, event })
      return position
    }
    const named = id === undefined ? { id: this.#makeId(), isNew: true } : { id }
    const answer = this.#publisher.append(topic, text, { size, ttlMs, ...named })
    if (!isHeard) return answer
    return answer instanceof Promise ? answer.then(appended) : appended(answer)
  }

  /** None where nothing is ever repeated. */
  #makeId(): string | undefined {
    return this.#door.isHere ? undefined : `${this.#host.node}.${(this.#ids++).toString(36)}`
  }

  // Out of it

  /** The tail of a topic that is heard here. */
  tail(topic: string, declared: DeclaredHistory): Tail {
    const known = this.#tails.get(topic)
    if (known !== undefined) return known
    const tail = new Tail(topic, this.#limitsOf(topic, declared), this.#tailHost)
    this.#tails.set(topic, tail)
    this.#timer ??= this.#host.clock.setInterval(() => this.#look(), COMPARE_MS / PARTS)
    return tail
  }

  /** Several entrances may log one topic, each with a history of its own: the log has that of all. */
  #limitsOf(topic: string, declared: DeclaredHistory): DeclaredHistory {
    return this.#tails.get(topic)?.declared ?? this.#host.historyOf(topic) ?? declared
  }

  /** Somebody hears the topic from now on: what is published, and is lost on its way, is looked for. */
  heard(topic: string, declared: DeclaredHistory): void {
    if (!this.#tails.has(topic)) this.#compare(this.tail(topic, declared))
  }

  /** Nobody hears the topic any more. */
  unheard(topic: string): void {
    this.#tails.get(topic)?.end()
    this.#tails.delete(topic)
    if (this.#tails.size > 0) return
    this.#timer?.cancel()
    this.#timer = undefined
    this.#replays.clear()
  }

  /** The log as it is: read, where this node does not hear the topic. */
  read(topic: string, after: number, declared: DeclaredHistory): MaybePromise<LogPage> {
    const { clock } = this.#host
    const probe = this.#read
    const startedAt = probe.isHeard ? clock.now() : 0
    const report = (page: LogPage): LogPage => {
      const durationMs = clock.now() - startedAt
      if (probe.isHeard) probe.emit({ durationMs, entries: page.entries.length }, { topic })
      return page
    }
    const page = this.#door.read(topic, after, declared)
    return page instanceof Promise ? page.then(report) : report(page)
  }

  async forget(topic: string): Promise<void> {
    await this.#door.forget(topic)
    this.#host.announce(topic)
    const tail = this.#tails.get(topic)
    if (tail !== undefined) await tail.compare()
  }

  /** The log of a topic is another: said by a node. */
  announced(topic: string): void {
    const tail = this.#tails.get(topic)
    if (tail !== undefined) this.#compare(tail)
  }

  /** The engine was out of reach. */
  up(): void {
    this.#publisher.retry()
    for (const tail of [...this.#tails.values()]) this.#compare(tail)
  }

  #look(): void {
    this.#replays.clear()
    this.#round = (this.#round + 1) % PARTS
    let index = 0
    for (const tail of [...this.#tails.values()]) if (index++ % PARTS === this.#round) this.#compare(tail)
  }

  /** A log that cannot be read now is read the next time. */
  #compare(tail: Tail): void {
    try {
      tail.compare()?.catch(() => {})
    } catch {
      // As a promise that rejects.
    }
  }

  #listener(): LogListener {
    const { telemetry, historyOf, hears } = this.#host
    return {
      entry: (name, position, text) => {
        const topic = topicNamed(name)
        if (!hears(topic)) return
        const declared = this.#tails.get(topic)?.declared ?? historyOf(topic)
        if (declared === undefined) return
        try {
          this.tail(topic, declared).arrived(position, text)
        } catch (error) {
          telemetry.emit('listener.failed', {}, { topic, error })
        }
      },
      hears: (name) => hears(topicNamed(name)),
      full: () => telemetry.emit('limit.reached', {}, { limit: 'limits.historyBytes' }),
    }
  }

  #makeTailHost(): TailHost {
    const { clock, telemetry, deliver } = this.#host
    return {
      clock,
      isHere: this.#door.isHere,
      here: (topic) => this.#door.here(topic),
      read: (topic, after, declared) => this.read(topic, after, declared),
      replay: (topic, offset, text) => this.#replays.broadcast(topic, offset, text),
      deliver,
      gap: (topic, followers) => telemetry.emit('history.gap', { channels: followers }, { topic }),
      grew: (bytes) => {
        this.#bytes += bytes
        if (this.#bytes > this.#host.maxBytes && !this.#isMakingRoom) this.#makeRoom()
      },
    }
  }

  /** All tails are heard: the longest are cut. */
  #makeRoom(): void {
    const enough = this.#host.maxBytes * ROOM_AGAIN
    this.#isMakingRoom = true
    let longest: Tail[]
    do {
      longest = [...this.#tails.values()].filter(({ bytes }) => bytes > 0).sort((a, b) => b.bytes - a.bytes)
      for (const tail of longest) if (this.#bytes > enough) tail.halve()
    } while (this.#bytes > enough && longest.length > 0)
    this.#isMakingRoom = false
    this.telemetry.emit('limit.reached', {}, { limit: 'limits.historyBytes' })
  }
}
