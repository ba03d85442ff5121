import { MAX_NAME_BYTES } from '../ground/name.ts'
import {
  type Fields,
  type Limit,
  limit,
  limitsIn,
  type RateLimit,
  rate,
  refuseOption,
  section,
  whole,
} from '../ground/option-checks.ts'
import { Rate } from '../ground/rate.ts'
import type { BackpressureLimits } from './backlog.ts'
import type { MeterRates } from './meter.ts'

/** The life of a connection, and its end. */
export interface SessionOptions {
  readonly heartbeat?:
    | {
        /** Clients send one so often; silent clients are looked for at least as often. Shorter than the timeout. @default 30_000 */
        readonly intervalMs?: number | undefined
        /** A client that sends nothing at all for so long is closed with 1001. @default 60_000 */
        readonly timeoutMs?: Limit | undefined
      }
    | undefined
  /** The limits of slow readers. At one of them their connection is cut. */
  readonly backpressure?:
    | {
        /** Bytes that wait for one reader. @default 1_048_576 */
        readonly maxBufferedBytes?: Limit | undefined
        /** Milliseconds without any progress while bytes wait. @default 10_000 */
        readonly stallMs?: Limit | undefined
        /** Bytes that wait for all together: the largest is cut first, upgrades get 503. @default 268_435_456 */
        readonly maxTotalBytes?: Limit | undefined
      }
    | undefined
  /** `app.close()` ends the connections in batches, each with 1012 when its handlers are done. */
  readonly drain?:
    | {
        /** Connections at a time. @default 500 */
        readonly batch?: number | undefined
        /** Between two batches. @default 500 */
        readonly pauseMs?: number | undefined
        /** Running handlers may take so long. @default 5000 */
        readonly handlerMs?: number | undefined
        /** A client has so long to answer the close. @default 5000 */
        readonly closeMs?: number | undefined
        /** All of it. @default 30_000 */
        readonly timeoutMs?: number | undefined
      }
    | undefined
}

/** The limits of one connected client. */
export interface SessionLimits {
  /** Topics of one connection. Above: the join is refused. @default 100 */
  readonly channelsPerConnection?: Limit | undefined
  /** Joins of one connection. Above: `rate_limited`. @default { perSecond: 50, burst: 100 } */
  readonly joins?: RateLimit | undefined
  /** Bytes of a topic. Above: the join is refused with `topic_too_long`. At most 255. @default 255 */
  readonly topicBytes?: number | undefined
  /** Messages of one connection. Above: `rate_limited`; close 1008 after 5 s of it. @default { perSecond: 100, burst: 200 } */
  readonly messages?: RateLimit | undefined
  /** Messages of one connection to one channel. Above: as `messages`. @default false */
  readonly channelMessages?: RateLimit | undefined
  /** Bytes of one connection in a second. Above: as `messages`. @default 1_048_576 */
  readonly bytesPerSecond?: Limit | undefined
  /**
   * Async callbacks at work for one connection. Above: what would begin waits, and its socket is not read until half of
   * them are done, for a second at the most; then messages wait as `mailbox` allows and joins are refused with
   * `overloaded`. @default 64
   */
  readonly pendingHandlers?: Limit | undefined
  /**
   * Messages that wait for one channel. Above: the message is refused with `overloaded`. As many broadcasts may wait for
   * its `intercept`, or for the answer to its join. Above: the channel ends, its client is told to join again. @default 256
   */
  readonly mailbox?: Limit | undefined
  /** Timers (`socket.setTimeout`, `socket.setInterval`) of one channel. Above: they throw `BERYL_ERR_TIMER_LIMIT`. @default 100 */
  readonly timers?: Limit | undefined
  /** A join may take so long, in milliseconds. Above: it is refused with `join_timeout`. @default 10_000 */
  readonly joinTimeoutMs?: Limit | undefined
}

/** {@link SessionOptions} checked and filled in. A limit that is off is `Infinity`. */
export interface ResolvedSessionOptions {
  readonly heartbeat: Readonly<typeof HEARTBEAT>
  readonly backpressure: BackpressureLimits
  readonly drain: Readonly<typeof DRAIN>
}

/** {@link SessionLimits} checked and filled in. A limit that is off is `Infinity`, a rate that is off `undefined`. */
export interface ResolvedSessionLimits extends Readonly<typeof LIMITS> {
  readonly topicBytes: number
  readonly rates: MeterRates
}

const HEARTBEAT = { intervalMs: 30_000, timeoutMs: 60_000 }
const BACKPRESSURE = { maxBufferedBytes: 1_048_576, stallMs: 10_000, maxTotalBytes: 268_435_456 }
const DRAIN = { batch: 500, pauseMs: 500, handlerMs: 5_000, closeMs: 5_000, timeoutMs: 30_000 }
const LIMITS = {
  channelsPerConnection: 100,
  pendingHandlers: 64,
  mailbox: 256,
  timers: 100,
  joinTimeoutMs: 10_000,
}
const RATES = ['messages', 'channelMessages', 'bytesPerSecond', 'joins']

export const SESSION_OPTIONS: readonly (keyof SessionOptions)[] = ['heartbeat', 'backpressure', 'drain']
export const SESSION_LIMITS: readonly string[] = [...Object.keys(LIMITS), 'topicBytes', ...RATES]

/** A second of burst; at least one message of the largest size must fit. */
const BYTES_PER_SECOND = 1_048_576
const HEARTBEATS = new Rate({ perSecond: 2, burst: 4 })

export function resolveSessionOptions(given: Fields): ResolvedSessionOptions {
  return {
    heartbeat: heartbeatOf(given.heartbeat),
    backpressure: backpressureOf(given.backpressure),
    drain: drainOf(given.drain),
  }
}

export function resolveSessionLimits(given: Fields): ResolvedSessionLimits {
  const bytesPerSecond = limit('limits.bytesPerSecond', given.bytesPerSecond, BYTES_PER_SECOND)
  return {
    ...limitsIn('limits', given, LIMITS),
    topicBytes: whole('limits.topicBytes', given.topicBytes, MAX_NAME_BYTES, 1, MAX_NAME_BYTES),
    rates: Object.freeze({
      messages: rate('limits.messages', given.messages, { perSecond: 100, burst: 200 }),
      channelMessages: rate('limits.channelMessages', given.channelMessages, undefined),
      bytes: Number.isFinite(bytesPerSecond)
        ? new Rate({ perSecond: bytesPerSecond, burst: bytesPerSecond })
        : undefined,
      joins: rate('limits.joins', given.joins, { perSecond: 50, burst: 100 }),
      heartbeats: HEARTBEATS,
    }),
  }
}

function heartbeatOf(value: unknown): ResolvedSessionOptions['heartbeat'] {
  const given = section('heartbeat', value, Object.keys(HEARTBEAT))
  const intervalMs = whole('heartbeat.intervalMs', given.intervalMs, HEARTBEAT.intervalMs, 1)
  const timeoutMs = limit('heartbeat.timeoutMs', given.timeoutMs, HEARTBEAT.timeoutMs)
  if (timeoutMs <= intervalMs) {
    const which = given.intervalMs === undefined ? ', where it is not given' : ''
    refuseOption('heartbeat.timeoutMs', `more than heartbeat.intervalMs (${intervalMs}${which})`, timeoutMs)
  }
  return Object.freeze({ intervalMs, timeoutMs })
}

function backpressureOf(value: unknown): BackpressureLimits {
  const given = section('backpressure', value, Object.keys(BACKPRESSURE))
  return Object.freeze(limitsIn('backpressure', given, BACKPRESSURE))
}

function drainOf(value: unknown): ResolvedSessionOptions['drain'] {
  const given = section('drain', value, Object.keys(DRAIN))
  const at = (name: keyof typeof DRAIN, min: number): number =>
    whole(`drain.${name}`, given[name], DRAIN[name], min)
  return Object.freeze({
    batch: at('batch', 1),
    pauseMs: at('pauseMs', 0),
    handlerMs: at('handlerMs', 0),
    closeMs: at('closeMs', 0),
    timeoutMs: at('timeoutMs', 1),
  })
}
