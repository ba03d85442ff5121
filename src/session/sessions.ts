import type { TerminateReason } from '../channel/infer.ts'
import type { Clock, Timer } from '../clock.ts'
import type { ExitReason } from '../supervision/exit-reason.ts'
import type { Process } from '../supervision/process.ts'
import { type Admission, Session, type SessionRuntime } from './session.ts'
import type { Wire } from './wire.ts'

/** How often a silent client is looked for, within the time that it may be silent. */
const SWEEPS_PER_TIMEOUT = 8
/** How long a client has to answer a close frame when the server goes. */
const CLOSE_TIMEOUT_MS = 5_000
const RESTART: TerminateReason = { kind: 'shutdown', reason: 'restart' }
const DRAIN: TerminateReason = { kind: 'shutdown', reason: 'drain' }
const DISCONNECT: TerminateReason = { kind: 'shutdown', reason: 'disconnect' }

/**
 * The coordinator: who is connected. It supervises one session for each client, all of them temporary, and when it ends
 * it closes every connection with 1012: a client must never be connected and deaf.
 */
export class Sessions implements Process {
  readonly exited: Promise<ExitReason>
  readonly #runtime: SessionRuntime
  readonly #clock: Clock
  readonly #idleMs: number
  readonly #sessions = new Map<string, Session>()
  readonly #byConnectionTopic = new Map<string, Set<Session>>()
  /** Sessions that have ended and whose connection is not gone yet. */
  readonly #closing = new Set<Session>()
  #allGone: (() => void) | undefined
  #isRunning = true
  readonly #sweeper: Timer | undefined
  #sweptAt: number
  #exit: (reason: ExitReason) => void = () => {}

  /**
   * @param idleMs How long a client may be silent. One timer watches over all of them.
   */
  constructor(runtime: Omit<SessionRuntime, 'closed' | 'gone'>, clock: Clock, idleMs: number) {
    this.#runtime = {
      ...runtime,
      closed: (session, code, reason) => this.#closed(session, code, reason),
      gone: (session) => this.#gone(session),
    }
    this.#clock = clock
    this.#idleMs = idleMs
    this.#sweptAt = clock.now()
    if (Number.isFinite(idleMs)) this.#sweeper = clock.setInterval(() => this.#sweep(), this.#sweepMs)
    this.exited = new Promise((resolve) => {
      this.#exit = resolve
    })
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
    this.#sweeper?.cancel()
    this.#closeAll(why)
    this.#exit(reason)
  }

  /** Closes all connections with 1012. Resolves when they are gone: those that do not answer are cut after 5 s. */
  async drain(): Promise<void> {
    this.#isRunning = false
    this.#closeAll(DRAIN)
    if (this.#closing.size === 0) return
    const timer = this.#clock.setTimeout(() => {
      for (const session of this.#closing) session.wire.terminate()
    }, CLOSE_TIMEOUT_MS)
    await new Promise<void>((resolve) => {
      this.#allGone = resolve
    })
    timer.cancel()
  }

  #closeAll(why: TerminateReason): void {
    for (const session of [...this.#sessions.values()]) session.close(1012, 'service restart', why)
  }

  /** Whether clients may be let in. */
  get isRunning(): boolean {
    return this.#isRunning
  }

  // The directory

  open(admission: Admission, wire: Wire): Session {
    const session = new Session(this.#runtime, admission, wire, this.#clock.now())
    const { connection, connectionTopic, codec } = admission
    this.#sessions.set(connection.id, session)
    if (connectionTopic !== undefined) this.#remember(connectionTopic, session)
    const metadata = { connectionId: connection.id, ip: connection.ip, version: codec.version }
    this.#runtime.telemetry.emit('connection.open', {}, metadata)
    // It ended while the client was being let in: nobody may be connected and deaf.
    if (!this.#isRunning) session.close(1012, 'service restart', RESTART)
    return session
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

  /** Closes, with 1001, every connection of this node with this topic. */
  disconnect(connectionTopic: string): void {
    for (const session of [...(this.#byConnectionTopic.get(connectionTopic) ?? [])]) {
      session.close(1001, 'disconnected', DISCONNECT)
    }
  }

  #remember(connectionTopic: string, session: Session): void {
    const sessions = this.#byConnectionTopic.get(connectionTopic)
    if (sessions === undefined) this.#byConnectionTopic.set(connectionTopic, new Set([session]))
    else sessions.add(session)
  }

  #closed(session: Session, code: number, reason: string): void {
    const { connection, connectionTopic } = session
    this.#sessions.delete(connection.id)
    this.#closing.add(session)
    if (connectionTopic !== undefined) {
      const sessions = this.#byConnectionTopic.get(connectionTopic)
      sessions?.delete(session)
      if (sessions?.size === 0) this.#byConnectionTopic.delete(connectionTopic)
    }
    const durationMs = this.#clock.date() - connection.connectedAt
    this.#runtime.telemetry.emit(
      'connection.close',
      { durationMs },
      { connectionId: connection.id, code, reason },
    )
  }

  #gone(session: Session): void {
    this.#closing.delete(session)
    if (this.#closing.size === 0) this.#allGone?.()
  }

  // Silent clients

  get #sweepMs(): number {
    return Math.max(20, Math.min(5_000, this.#idleMs / SWEEPS_PER_TIMEOUT))
  }

  #sweep(): void {
    const now = this.#clock.now()
    // A check that ran late looks at bytes that had no chance to be read: this round counts for everybody.
    const late = now - this.#sweptAt > 2 * this.#sweepMs + 250
    this.#sweptAt = now
    for (const session of [...this.#sessions.values()]) {
      if (late) session.touch(now)
      else if (session.silentMs(now) >= this.#idleMs) session.close(1001, 'idle timeout', { kind: 'idle' })
    }
  }
}
