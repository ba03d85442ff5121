import { Breath } from '../channel/breath.ts'
import type { TerminateReason } from '../channel/infer.ts'
import type { Clock } from '../ground/clock.ts'
import { Deadline } from '../ground/deadline.ts'
import type { Probe } from '../ground/telemetry.ts'
import { patience, Watch } from '../ground/watch.ts'
import type { Broadcast } from '../pubsub/broadcast.ts'
import { type ChannelTarget, namesConnections } from '../pubsub/target.ts'
import { Exit } from '../supervision/exit.ts'
import type { ExitReason } from '../supervision/exit-reason.ts'
import type { Process } from '../supervision/process.ts'
import type { Admission } from './admission.ts'
import { Backlog } from './backlog.ts'
import type { ResolvedSessionOptions } from './options.ts'
import { PendingJoins } from './pending-joins.ts'
import type { SessionRuntime, SessionTerms } from './runtime.ts'
import { Session } from './session.ts'
import type { SessionLoad } from './topics.ts'
import type { Wire } from './wire.ts'

/** Silent clients are looked for so often within the time that they may be silent. */
const SWEEPS_PER_TIMEOUT = 8
/** A pause of our own loop is looked for so often, for the rates of clients. */
const LATENESS_ROUND_MS = 500
const RESTART: TerminateReason = { kind: 'shutdown', reason: 'restart' }
const DRAIN: TerminateReason = { kind: 'shutdown', reason: 'drain' }
const DISCONNECT: TerminateReason = { kind: 'shutdown', reason: 'disconnect' }

type MadeHere =
  | 'joins'
  | 'breath'
  | 'closed'
  | 'gone'
  | 'backlog'
  | 'watch'
  | 'lateness'
  | 'received'
  | 'handled'

/**
 * The coordinator: who is connected. It supervises one session for each client, all of them temporary, and when it ends
 * it closes every connection with 1012: a client must never be connected and deaf.
 */
export class Sessions implements Process {
  readonly #exit = new Exit()
  readonly exited = this.#exit.exited
  readonly #runtime: Omit<SessionRuntime<Session>, keyof SessionTerms>
  /** By the terms of the entrances: a few, which stay the same. */
  readonly #runtimes = new Map<SessionTerms, SessionRuntime<Session>>()
  readonly #clock: Clock
  readonly #options: ResolvedSessionOptions
  readonly #backlog: Backlog
  readonly #sessions = new Map<string, Session>()
  readonly #byConnectionTopic = new Map<string, Set<Session>>()
  readonly #joins = new PendingJoins()
  /** Sessions that have ended and whose connection is not gone yet, with whom to tell when it is. */
  readonly #closing = new Map<Session, () => void>()
  #isRunning = true
  readonly #opened: Probe<'connection.open'>
  readonly #watch: Watch
  readonly #lateness: Watch
  #draining: Promise<void> | undefined

  constructor(
    runtime: Omit<SessionRuntime<Session>, keyof SessionTerms | MadeHere>,
    options: ResolvedSessionOptions,
  ) {
    const { clock } = runtime
    this.#backlog = new Backlog(options.backpressure, clock)
    this.#watch = new Watch(clock, sweepMs(options), (now) => this.#sweep(now))
    this.#lateness = new Watch(clock, LATENESS_ROUND_MS, () => undefined)
    this.#runtime = {
      ...runtime,
      backlog: this.#backlog,
      joins: this.#joins,
      breath: new Breath(clock),
      watch: this.#watch,
      lateness: this.#lateness,
      received: runtime.telemetry.probe('message.received'),
      handled: runtime.telemetry.probe('message.handled'),
      closed: (session, code, reason) => this.#closed(session, code, reason),
      gone: (session) => this.#gone(session),
    }
    this.#opened = runtime.telemetry.probe('connection.open')
    this.#clock = clock
    this.#options = options
  }

  // Process

  shutdown(reason: ExitReason): void {
    this.#end(reason, DRAIN)
  }

  kill(): void {
    this.#end('killed', RESTART)
  }

  #end(reason: ExitReason, why: TerminateReason): void {
    this.#isRunning = false
    this.#watch.stop()
    this.#lateness.stop()
    this.#closeAll(why)
    this.#exit.end(reason)
  }

  /**
   * Closes all connections with 1012, a batch at a time, each when its handlers are done. Resolves when they are gone:
   * those that do not answer are cut, and all that are left at the deadline.
   */
  drain(deadline = new Deadline(this.#clock, this.#options.drain.timeoutMs)): Promise<void> {
    this.#draining ??= this.#drainAll(deadline)
    return this.#draining
  }

  async #drainAll(deadline: Deadline): Promise<void> {
    const { batch, pauseMs } = this.#options.drain
    this.#isRunning = false
    const sessions = [...this.#sessions.values()]
    const drained: Promise<void>[] = []
    for (let start = 0; start < sessions.length; start += batch) {
      if (start > 0) await deadline.pause(pauseMs)
      for (const session of sessions.slice(start, start + batch)) {
        drained.push(this.#drainOne(session, deadline))
      }
    }
    await deadline.wait(Promise.all(drained))
    this.#cutAll()
  }

  async #drainOne(session: Session, deadline: Deadline): Promise<void> {
    const { handlerMs, closeMs } = this.#options.drain
    await session.drain(1012, '', DRAIN, deadline.within(handlerMs))
    if (!this.#closing.has(session)) return
    const timer = patience(this.#clock, deadline.within(closeMs), () => session.wire.terminate())
    await new Promise<void>((resolve) => this.#closing.set(session, resolve))
    timer.cancel()
  }

  #cutAll(): void {
    this.#closeAll(DRAIN)
    for (const session of [...this.#closing.keys()]) session.wire.terminate()
  }

  #closeAll(why: TerminateReason): void {
    for (const session of [...this.#sessions.values()]) session.close(1012, '', why)
  }

  /** True where slow readers hold so much memory that no new client should be let in. */
  get isFull(): boolean {
    return this.#backlog.isFull
  }

  /** True where clients may be let in. */
  get isRunning(): boolean {
    return this.#isRunning
  }

  // The directory

  /** @param terms those of the entrance by which the client came in */
  open(admission: Admission, wire: Wire, terms: SessionTerms): Session {
    const session = new Session(this.#runtimeFor(terms), admission, wire)
    const { connection, connectionTopic } = admission
    this.#sessions.set(connection.id, session)
    if (connectionTopic !== undefined) this.#remember(connectionTopic, session)
    if (this.#opened.isHeard) this.#told(session)
    // It ended while the client was being let in: nobody may be connected and deaf.
    if (!this.#isRunning) session.close(1012, '', RESTART)
    else session.checkGrant(this.#clock.date())
    return session
  }

  #told({ connection, codec }: Session): void {
    const { id: connectionId, ip, transport } = connection
    this.#opened.emit({}, { connectionId, ip, transport, version: codec.version })
  }

  #runtimeFor(terms: SessionTerms): SessionRuntime<Session> {
    const runtime = this.#runtimes.get(terms) ?? { ...this.#runtime, ...terms }
    this.#runtimes.set(terms, runtime)
    return runtime
  }

  get(connectionId: string): Session | undefined {
    return this.#sessions.get(connectionId)
  }

  all(): IterableIterator<Session> {
    return this.#sessions.values()
  }

  get connectionCount(): number {
    return this.#sessions.size
  }

  get channelCount(): number {
    let count = 0
    for (const session of this.#sessions.values()) count += session.channelCount
    return count
  }

  /** The waiting work of all clients. Looks at each of them. */
  get load(): SessionLoad {
    const load = { bufferedBytes: 0, waitingMessages: 0, longestMailbox: 0, pendingCallbacks: 0 }
    for (const session of this.#sessions.values()) {
      const { bufferedBytes, waitingMessages, longestMailbox, pendingCallbacks } = session.load
      load.bufferedBytes += bufferedBytes
      load.waitingMessages += waitingMessages
      load.longestMailbox = Math.max(load.longestMailbox, longestMailbox)
      load.pendingCallbacks += pendingCallbacks
    }
    return load
  }

  /** Closes, with 1001, every connection of this node with this topic. */
  disconnect(connectionTopic: string): void {
    for (const session of [...(this.#byConnectionTopic.get(connectionTopic) ?? [])]) {
      session.close(1001, '', DISCONNECT)
    }
  }

  /** Hands an info to the channels of a target on this node. */
  inform(info: Broadcast, target: ChannelTarget): void {
    for (const session of this.#meant(target)) session.inform(info)
  }

  /** Ends the channels of a target on this node, and the joins that are being decided. */
  dismiss(target: ChannelTarget, reason: string | undefined): void {
    for (const session of this.#meant(target)) session.dismiss(target.topic, reason)
  }

  /** A copy: who is dismissed may end. */
  #meant(target: ChannelTarget): Session[] {
    const { topic, connectionId, connectionTopic } = target
    if (!namesConnections(target)) return this.#on(topic)
    const named = this.#byConnectionTopic.get(connectionTopic ?? '') ?? []
    const some = connectionId === undefined ? [...named] : this.#known([connectionId])
    return some.filter((one) => connectionTopic === undefined || one.connectionTopic === connectionTopic)
  }

  /** The sessions that have joined a topic, and those that ask for it. */
  #on(topic: string): Session[] {
    const joined = this.#runtime.pubsub.connections(topic)
    return this.#known(new Set([...joined, ...this.#joins.connections(topic)]))
  }

  #known(connectionIds: Iterable<string>): Session[] {
    return Array.from(connectionIds, (id) => this.#sessions.get(id)).filter((one) => one !== undefined)
  }

  #remember(connectionTopic: string, session: Session): void {
    const sessions = this.#byConnectionTopic.get(connectionTopic)
    if (sessions === undefined) this.#byConnectionTopic.set(connectionTopic, new Set([session]))
    else sessions.add(session)
  }

  #closed(session: Session, code: number, reason: string): void {
    const { id: connectionId, connectionTopic } = session
    this.#sessions.delete(connectionId)
    // A wire may be gone before its close returns.
    if (!session.isGone) this.#closing.set(session, () => {})
    if (connectionTopic !== undefined) {
      const sessions = this.#byConnectionTopic.get(connectionTopic)
      sessions?.delete(session)
      if (sessions?.size === 0) this.#byConnectionTopic.delete(connectionTopic)
    }
    const { bytesRead: receivedBytes, sentBytes } = session.wire
    const durationMs = this.#clock.date() - session.connectedAt
    const metadata = { connectionId, code, reason }
    this.#runtime.telemetry.emit('connection.close', { durationMs, receivedBytes, sentBytes }, metadata)
  }

  #gone(session: Session): void {
    const tell = this.#closing.get(session)
    this.#closing.delete(session)
    tell?.()
  }

  // Silent clients, and those whose time is over

  #sweep(now: number): void {
    const date = this.#clock.date()
    for (const session of [...this.#sessions.values()]) {
      session.checkGrant(date)
      session.rest()
      if (session.isOpen && session.silentMs(now) >= this.#options.heartbeat.timeoutMs) session.idle()
    }
  }
}

function sweepMs({ heartbeat: { intervalMs, timeoutMs } }: ResolvedSessionOptions): number {
  return Math.max(20, Math.min(5_000, intervalMs, timeoutMs / SWEEPS_PER_TIMEOUT))
}
