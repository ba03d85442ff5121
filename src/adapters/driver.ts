import type { LogLimits, LogPage, LogPosition } from '../pubsub/log.ts'

/** An engine, as people and limits know it. */
export interface Engine {
  /** For logs and status: `redis`, `nats`, … */
  readonly name: string
  /** Where the engine is, for people: without credentials. */
  readonly address: string
  /** Advice for the error where it is out of reach. @default start it, correct the address … */
  readonly advice?: string
  /** The longest message that the engine carries, in bytes. It may be known only once it is connected. */
  readonly maxMessageBytes: number
  /** Where the engine keeps logs: then each link has {@link Link.log}. @default it keeps none */
  readonly decodeLogged?: DecodeLogged
}

/**
 * The one thing that a broker adapter does not share with the others: how its engine is talked to. All else (which topics,
 * reconnecting, probes, limits, counts) is in {@link BrokerAdapter}, which is handed one of these.
 */
export interface Driver extends Engine {
  /**
   * Connects. A link is used until it is lost, and never again: reconnecting is done by another call of this.
   *
   * @param node This node: unique among all nodes and over restarts.
   * @param events Told of what comes, from now on: also before this has settled.
   * @param signal Aborted where nobody waits any more: what is connected by then is to be closed, the promise may reject.
   * @returns rejects where the engine is out of reach, or says no
   */
  connect(node: string, events: LinkEvents, signal: AbortSignal): Promise<Link>
}

/** Takes what comes over a link. */
export interface LinkEvents {
  /** A message came. An echo, a double, and one of a topic that was left may come too. */
  arrived(topic: string, bytes: Uint8Array): void
  /** Messages that were handed over were not taken by the engine. */
  dropped(messages: number): void
  /** The logs at the engine had as many bytes as they may: some are gone. Told by an engine that is our own. */
  full(): void
  /** The link is of no use any more. Only the first call counts. */
  lost(error: unknown): void
  /** The engine has taken back a subscription that it had confirmed. The link lives on. */
  revoked?(topic: string): void
  /** Something was to be had at another server of the engine; where a topic is named, it is not heard here any more. */
  elsewhere?(topic?: string): void
}

/** One connection to the engine (or several that live and die together). After `close` nothing is asked of it. */
export interface Link {
  /** The logs at the engine, where it keeps any. */
  readonly log?: LinkLog

  /**
   * Hands a message over, in the order of the calls; those of one turn of the event loop go out together. Never throws:
   * what fails is told by `lost` or `dropped`. `bytes` are not changed afterwards.
   */
  publish(topic: string, bytes: Uint8Array): void

  /** Bytes that were handed over, and not yet taken by the engine. */
  readonly pendingBytes: number

  /**
   * Subscribes to all of these topics with one command. Resolves when the engine has confirmed them: what anybody publishes
   * from then on arrives. Rejects with {@link Refused} where the engine says no to one of them, with {@link Elsewhere} where
   * another server has some of them, and no matter how where the link is lost. A topic is never asked for twice at a time, nor while it is being left.
   */
  subscribe(topics: readonly string[]): Promise<void>

  /** The opposite, likewise. */
  unsubscribe(topics: readonly string[]): Promise<void>

  /**
   * Resolves when a message has gone to the engine, behind all that was published before, and has come back on the way on
   * which the messages of others come: the proof that this node hears.
   */
  probe(): Promise<void>

  /** Resolves when the engine has taken all that was published. */
  flush(): Promise<void>

  /** Ends it at once. Never throws. */
  close(): void
}

/** The logs at the engine, over one link. What it is asked for counts as {@link Link.pendingBytes}. */
export interface LinkLog {
  /**
   * Appends all of these, one after the other, or none; then publishes each to those who subscribe to the topic. Gives their
   * positions. Rejects with {@link NotTaken} where nothing has happened.
   */
  append(topic: string, entries: readonly NewEntry[], limits: LogLimits): Promise<LogPosition[]>
  /** As that of a log. */
  read(topic: string, after: number, limits: LogLimits): Promise<LogPage>
  forget(topic: string): Promise<void>
}

/** Reads a message that {@link LinkLog.append} published; `undefined` where it is another one. */
export type DecodeLogged = (message: Uint8Array) => LoggedMessage | undefined

export interface NewEntry {
  readonly text: string
  readonly id: string | undefined
  /** As that of an append. @default false */
  readonly isNew?: boolean | undefined
}

export interface LoggedMessage {
  readonly position: LogPosition
  readonly text: string
}

/** The engine said no to an entry, which is not in the log. */
export class NotTaken extends Error {
  override readonly name = 'NotTaken'
}

/** The engine said no to a subscription, and the link lives on. */
export class Refused extends Error {
  override readonly name = 'Refused'
}

/** Another server of the engine has some of the topics, or none has; the others are confirmed. The link lives on. */
export class Elsewhere extends Error {
  override readonly name = 'Elsewhere'
  readonly topics: readonly string[]

  constructor(message: string, topics: readonly string[]) {
    super(message)
    this.topics = topics
  }
}
