import { checkName, refuseArgument } from '../ground/argument.ts'
import { isError } from '../ground/foreign.ts'
import { whyUncarried } from '../protocol/carried.ts'

/**
 * The results of a handler or a `join` besides its plain reply. Each is a class, so that no payload of an application
 * can be mistaken for one.
 */

/** A refused `join` or `connect`: made by {@link reject}. */
export class Rejection<E = unknown> {
  readonly error: E
  constructor(error: E) {
    this.error = error
  }
}

/** An answer with a status: `error` where made by {@link fail}, one of the application's own by {@link reply}. */
export class Reply<R = unknown, Kind extends 'error' | 'custom' = 'error' | 'custom'> {
  /** Tells the two kinds apart to the type checker; there is no such property at run time. */
  declare readonly '~kind': Kind
  readonly status: string
  readonly response: R
  constructor(status: string, response: R) {
    this.status = status
    this.response = response
  }
}

/** The end of the channel, with or without a reply: made by {@link stop}. */
export class Stop<R = unknown> {
  readonly reason: StopReason
  readonly reply: R | undefined
  constructor(reason: StopReason, reply: R | undefined) {
    this.reason = reason
    this.reply = reply
  }
}

/** A reply that follows: made by {@link later}. */
export class Later<R = unknown> {
  readonly promise: PromiseLike<R>
  constructor(promise: PromiseLike<R>) {
    this.promise = promise
  }
}

/**
 * Why a channel stops itself, as OTP sees exit reasons: `normal` and `shutdown` (alone, or with a detail) end it with
 * `phx_close`; every other reason is a crash and ends it with `phx_error`, on which clients rejoin.
 */
export type StopReason = 'normal' | 'shutdown' | { readonly shutdown: unknown } | (string & {}) | Error

/** True where a channel that stops for this reason is closed (`phx_close`), not crashed (`phx_error`). */
export function isNormalStop(reason: StopReason): boolean {
  if (reason === 'normal' || reason === 'shutdown') return true
  if (typeof reason !== 'object' || reason === null) return false
  try {
    return !isError(reason) && 'shutdown' in reason
  } catch {
    // A reason that cannot be read is no way to end in order.
    return false
  }
}

/**
 * Refuses a `join` (the client gets an `error` reply with `error` as its response) or a `connect` (403).
 *
 * @param error The response: any JSON. @default {}
 */
export function reject(): Rejection<Record<string, never>>
export function reject<const E>(error: E): Rejection<E>
export function reject(error: unknown = {}): Rejection {
  checkSent('reject', 'error', error)
  return new Rejection(error)
}

/**
 * Answers a push with status `error`; the channel lives on.
 *
 * @param error The response: any JSON, or bytes. @default {}
 * @throws `BERYL_ERR_ARGUMENT`
 */
export function fail(): Reply<Record<string, never>, 'error'>
export function fail<const E>(error: E): Reply<E, 'error'>
export function fail(error: unknown = {}): Reply<unknown, 'error'> {
  checkSent('fail', 'error', error)
  return new Reply('error', error)
}

/**
 * Answers a push with a status of the application's own, for clients that wait for more than `ok` and `error`:
 * `channel.push('order').receive('queued', …)`.
 *
 * @param status A well-formed string of 1 to 255 bytes.
 * @param response Any JSON, or bytes. @default {}
 * @throws `BERYL_ERR_ARGUMENT`
 */
export function reply<const Status extends string, const R>(
  status: CheckStatus<Status>,
  response: R,
): Reply<R, 'custom'> {
  checkName('reply', 'status', status)
  if (status === 'ok')
    refuseArgument('reply', 'status', 'a status of your own (for "ok", give the reply itself)', status)
  if (status === 'error')
    refuseArgument('reply', 'status', 'a status of your own (for "error", give fail(…))', status)
  if (response !== undefined) checkSent('reply', 'response', response)
  return new Reply(status, response)
}

type CheckStatus<Status extends string> = Status extends 'ok'
  ? 'for the status "ok", return the declared reply itself'
  : Status extends 'error'
    ? 'for the status "error", return fail(…)'
    : Status

/**
 * Ends the channel after this message.
 *
 * @param reason @default 'normal'
 * @param response Sent as an `ok` reply (or as it says, if made by {@link fail} or {@link reply}) before the end.
 * @throws `BERYL_ERR_ARGUMENT`
 */
export function stop(reason?: StopReason): Stop<undefined>
export function stop<const R>(reason: StopReason | undefined, response: R): Stop<R>
export function stop(reason: StopReason = 'normal', response?: unknown): Stop {
  checkStopReason('stop', reason)
  if (response !== undefined && !isReply(response)) checkSent('stop', 'response', response)
  return new Stop(reason, response)
}

/**
 * Promises the reply and lets the channel go on with its next message: replies may then come in any order.
 *
 * A rejection of the promise is a crash of the channel.
 *
 * @throws `BERYL_ERR_ARGUMENT` for what is no promise
 */
export function later<R>(promise: PromiseLike<R>): Later<R> {
  if (!hasThen(promise)) refuseArgument('later', 'promise', 'a promise', promise)
  // Handed over: where it may not be given (to a join, a terminate), nobody waits for it, and it must end nothing.
  if (promise instanceof Promise) promise.then(undefined, handedOver)
  return new Later(promise)
}

function handedOver(): void {}

/** The call that makes such a result, for people; `undefined` for anything else. Never throws. */
export function callThatMakes(value: unknown): string | undefined {
  try {
    if (value instanceof Rejection) return 'reject(…)'
    if (value instanceof Reply) return value.status === 'error' ? 'fail(…)' : 'reply(…)'
    if (value instanceof Stop) return 'stop(…)'
    return value instanceof Later ? 'later(…)' : undefined
  } catch {
    // A proxy that throws.
    return undefined
  }
}

function isReply(value: unknown): boolean {
  try {
    return value instanceof Reply
  } catch {
    // A proxy that throws.
    return false
  }
}

function hasThen(value: unknown): boolean {
  if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return false
  try {
    return typeof Reflect.get(value, 'then') === 'function'
  } catch {
    return false
  }
}

function checkSent(call: string, argument: string, value: unknown): void {
  const why = whyUncarried(value)
  if (why !== undefined) refuseArgument(call, argument, `JSON or bytes (${why})`, value)
}

/** @throws `BERYL_ERR_ARGUMENT` */
export function checkStopReason(call: string, reason: unknown): asserts reason is StopReason {
  if (typeof reason === 'string' || isErrorOrShutdown(reason)) return
  refuseArgument(call, 'reason', 'a string, an Error or { shutdown: … }', reason)
}

function isErrorOrShutdown(reason: unknown): boolean {
  if (typeof reason !== 'object' || reason === null) return false
  try {
    return isError(reason) || 'shutdown' in reason
  } catch {
    return false
  }
}
