import { isUint8Array } from 'node:util/types'
import { berylError, show } from '../../ground/errors.ts'
import { refuseOption, section, whole } from '../../ground/option-checks.ts'

/** Long polling, at `<path>/longpoll`. */
export interface LongPollOptions {
  /**
   * A poll waits so long for a message, in milliseconds, and is answered 204 then. A client that has not polled for one and a half of
   * it is gone. Less than the time after which clients give up a request (phoenix.js: `longpollerTimeout`, 20 s). @default 10_000
   */
  readonly windowMs?: number | undefined
  /** Another node has so long to say that it has a session, in milliseconds. Above: 410. @default 2000 */
  readonly pubsubTimeoutMs?: number | undefined
  /**
   * The key that signs tokens: at least 32 bytes, the same on all nodes. Without it a node makes one of its own, which is refused
   * where there may be others. @default random
   */
  readonly secret?: string | Uint8Array | undefined
}

/** {@link LongPollOptions} checked and filled in. */
export interface ResolvedLongPollOptions {
  readonly windowMs: number
  readonly pubsubTimeoutMs: number
  readonly secret: Uint8Array | undefined
}

const NAMES: readonly (keyof LongPollOptions)[] = ['windowMs', 'pubsubTimeoutMs', 'secret']
const MIN_SECRET_BYTES = 32
const DAY_MS = 86_400_000

/** `undefined` where it is not wanted. @throws `BERYL_ERR_OPTION_INVALID`, which never shows a secret */
export function resolveLongPoll(value: unknown): ResolvedLongPollOptions | undefined {
  if (value === undefined || value === false) return undefined
  if (typeof value !== 'boolean' && (typeof value !== 'object' || value === null))
    return refuseOption('longPoll', `a boolean, or an object with ${NAMES.join(', ')}`, value)
  const given = section('longPoll', value === true ? {} : value, NAMES)
  return Object.freeze({
    windowMs: whole('longPoll.windowMs', given.windowMs, 10_000, 1, DAY_MS),
    pubsubTimeoutMs: whole('longPoll.pubsubTimeoutMs', given.pubsubTimeoutMs, 2_000, 1, DAY_MS),
    secret: given.secret === undefined ? undefined : secretOf(given.secret),
  })
}

/** A secret is not shown, not even one that is too short. */
function secretOf(secret: unknown): Uint8Array {
  const bytes = bytesOf(secret)
  if (bytes !== undefined && bytes.length >= MIN_SECRET_BYTES) return bytes
  const wanted = `a string or bytes, of at least ${MIN_SECRET_BYTES} bytes: openssl rand -base64 32 makes one`
  throw berylError('BERYL_ERR_OPTION_INVALID', 'longPoll.secret', wanted, kindOf(secret, bytes?.length))
}

function kindOf(secret: unknown, bytes: number | undefined): string {
  if (bytes !== undefined) return `${bytes} bytes`
  return typeof secret === 'object' ? show(secret) : `a ${typeof secret}`
}

function bytesOf(secret: unknown): Uint8Array | undefined {
  if (typeof secret === 'string') return Buffer.from(secret)
  return isUint8Array(secret) ? Uint8Array.from(secret) : undefined
}
