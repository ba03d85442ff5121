import { isDate } from 'node:util/types'
import type { KnownAssigns } from '../channel/connection.ts'
import { callThatMakes } from '../channel/result.ts'
import { readFields } from '../ground/argument.ts'
import { berylError, show } from '../ground/errors.ts'
import { promised } from '../ground/foreign.ts'
import { isName, MAX_NAME_BYTES } from '../ground/name.ts'

// The values that `connect`, `renew` and `connectionTopic` give, checked: whoever gives something else lets nobody in.

/** The callback whose result is checked. */
export type Asked = 'connect' | 'renew'

/** A permission. */
export interface Granted {
  /** `undefined` where none were given. */
  readonly assigns: KnownAssigns | undefined
  /** Wall-clock milliseconds; `undefined` where it has no end. */
  readonly expiresAt: number | undefined
}

const WANTED = '{ assigns?, expiresAt? } or reject(…)'

/** @throws `BERYL_ERR_CONNECT_INVALID` for all but `{ assigns?, expiresAt? }`, a typo and a forgotten `return` included */
export function grantOf(asked: Asked, granted: unknown): Granted {
  if (callThatMakes(granted) !== undefined) refuseGrant(asked, WANTED, granted)
  const fields = readFields(granted) ?? refuseGrant(asked, WANTED, granted)
  const { assigns, expiresAt, ...others } = fields
  const isPromised = disarm(assigns)
  const other = Object.keys(others)[0]
  if (other !== undefined)
    refuseGrant(asked, `${WANTED} ("${other}" is neither: is it one of the assigns?)`, granted)
  return {
    assigns: isPromised ? refuseGrant(asked, AWAITED, assigns) : assignsOf(asked, assigns),
    expiresAt: expiresAt === undefined ? undefined : timeOf(asked, expiresAt),
  }
}

const AWAITED = 'assigns as an object (await it first)'

/** True for a promise. What it rejects with is nobody's then. */
function disarm(value: unknown): boolean {
  return promised(value)?.then(undefined, () => {}) !== undefined
}

function assignsOf(asked: Asked, assigns: unknown): KnownAssigns | undefined {
  if (assigns === undefined) return undefined
  if (isAssigns(assigns)) return assigns
  return refuseGrant(asked, 'assigns as an object', assigns)
}

/** Of which fields they are is between `connect` and the types of the application. */
function isAssigns(value: unknown): value is KnownAssigns & object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function timeOf(asked: Asked, expiresAt: unknown): number | undefined {
  const ms = isDate(expiresAt) ? expiresAt.getTime() : expiresAt
  if (ms === Number.POSITIVE_INFINITY) return undefined
  if (typeof ms === 'number' && !Number.isNaN(ms)) return ms
  return refuseGrant(asked, 'expiresAt as a Date or in milliseconds since the epoch', expiresAt)
}

/** @throws `BERYL_ERR_CONNECT_INVALID` for what is neither `undefined` nor a name under which anybody can be found */
export function topicOf(asked: Asked, topic: unknown): string | undefined {
  if (topic === undefined || isName(topic)) return topic
  disarm(topic)
  const shown = typeof topic === 'string' ? `a string of ${Buffer.byteLength(topic)} bytes` : show(topic)
  throw berylError('BERYL_ERR_CONNECT_INVALID', asked, NAMED, shown)
}

const NAMED = `connectionTopic to give a well-formed string of 1 to ${MAX_NAME_BYTES} bytes, or undefined`

/** The error of a callback that threw: where it threw what it should have returned, one that says so. */
export function unreturned(asked: Asked, thrown: unknown): unknown {
  const made = callThatMakes(thrown)
  if (made === undefined) return thrown
  return berylError('BERYL_ERR_CONNECT_INVALID', asked, `\`return ${made}\``, `\`throw ${made}\``)
}

/** A string may be a token: it is not shown. */
function refuseGrant(asked: Asked, wanted: string, got: unknown): never {
  const shown = typeof got === 'string' ? 'a string' : (callThatMakes(got) ?? show(got))
  throw berylError('BERYL_ERR_CONNECT_INVALID', asked, wanted, shown)
}
