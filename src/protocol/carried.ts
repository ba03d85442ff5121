import { isAnyArrayBuffer, isMap, isPromise, isSet, isUint8Array } from 'node:util/types'
import { type BerylError, berylError } from '../ground/errors.ts'
import { describe } from '../ground/foreign.ts'
import { MAX_DEPTH } from './json.ts'

/**
 * Why a value cannot be sent: JSON has nothing for it, or would make something else of it. `undefined` where it can.
 * Bytes can be sent as the whole of a payload alone. Reads every property; never throws.
 */
export function whyUncarried(value: unknown): string | undefined {
  if (isUint8Array(value)) return undefined
  if (value === undefined || typeof value === 'function' || typeof value === 'symbol') return NO_JSON
  try {
    return flaw(value, 0)
  } catch {
    return 'must not throw when it is read'
  }
}

const NO_JSON = 'must be JSON or bytes'

function flaw(value: unknown, depth: number): string | undefined {
  if (typeof value === 'bigint') return 'must not have a bigint: JSON has none'
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : 'must not have NaN or Infinity'
  if (typeof value !== 'object' || value === null) return undefined
  if (depth > MAX_DEPTH) return 'must not be nested so deeply'
  if (Array.isArray(value)) return flawOfItems(value, depth)
  const prototype: unknown = Object.getPrototypeOf(value)
  const odd = prototype === Object.prototype || prototype === null ? undefined : flawOfInstance(value)
  if (odd !== undefined) return odd
  // A value that says itself how it looks in JSON is asked, not looked into.
  if ('toJSON' in value && typeof value.toJSON === 'function') return void JSON.stringify(value)
  for (const key in value) {
    const found = flaw((value as Record<string, unknown>)[key], depth + 1)
    if (found !== undefined) return found
  }
  return undefined
}

function flawOfItems(items: readonly unknown[], depth: number): string | undefined {
  for (let index = 0; index < items.length; index++) {
    const found = flaw(items[index], depth + 1)
    if (found !== undefined) return found
  }
  return undefined
}

/** Of these JSON makes `{}`, or an object with a property for each byte. */
function flawOfInstance(value: object): string | undefined {
  if (ArrayBuffer.isView(value) || isAnyArrayBuffer(value)) return 'must not have bytes within JSON'
  if (isPromise(value)) return 'must not have a promise: await it'
  if (isMap(value) || isSet(value)) return 'must not have a Map or a Set: JSON has none'
  return undefined
}

/** The error for a payload that fits its schema and cannot be written as JSON: the caller's fault. */
export function unwritable(topic: string, event: string, cause: unknown): BerylError {
  return berylError('BERYL_ERR_PAYLOAD_INVALID', topic, `the event "${event}"`, describe(cause), { cause })
}
