import { isUint8Array } from 'node:util/types'
import { refuseArgument } from '../ground/argument.ts'
import { whyUncarried } from '../protocol/carried.ts'

// Checks of the testing kit's arguments. A client may send any text: what is wrong with it is the server's to say.

export function checkText(call: string, argument: string, value: unknown): asserts value is string {
  if (typeof value !== 'string') refuseArgument(call, argument, 'a string', value)
}

export function checkWhole(call: string, argument: string, value: unknown, min: number, max: number): void {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max) return
  refuseArgument(call, argument, `a whole number from ${min} to ${max}`, value)
}

/** The payload of a client: JSON or bytes; nothing at all is `{}`. */
export function checkPayload(call: string, value: unknown): void {
  const why = value === undefined ? undefined : (whyUncarried(value) ?? whyUnwritten(value))
  if (why !== undefined) refuseArgument(call, 'payload', `JSON or bytes (${why})`, value)
}

function whyUnwritten(value: unknown): string | undefined {
  try {
    return isUint8Array(value) || JSON.stringify(value) !== undefined ? undefined : 'must be JSON'
  } catch {
    return 'must not throw when it is written'
  }
}

/** Any value is a pattern that can be held against another without throwing. */
export function checkPattern(call: string, pattern: unknown): void {
  try {
    read(pattern, 0)
  } catch {
    refuseArgument(call, 'pattern', 'a pattern that can be read', pattern)
  }
}

const DEEPEST = 100

function read(value: unknown, depth: number): void {
  if (typeof value !== 'object' || value === null || isUint8Array(value)) return
  if (depth > DEEPEST) throw new RangeError('too deep')
  for (const inner of Object.values(value)) read(inner, depth + 1)
}
