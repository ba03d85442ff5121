import { isCount, readFields } from '../ground/argument.ts'
import type { Claim } from '../history/resumption.ts'
import { MAX_EPOCH_BYTES } from '../history/token.ts'
import type { TopicMessage } from '../protocol/message.ts'
import type { PayloadIssue } from './schema.ts'

/** The key of a join, and of its reply, that belongs to the protocol of histories; and the event of that name. */
export const RESUME = '$resume'

export const NO_CLAIM: PayloadIssue = {
  path: `/${RESUME}`,
  message: 'must be true, or the position { epoch, offset } that an answer gave',
}

/** A join as the application sees it, and what it asks of the history: `invalid` for what is no question. */
export interface ReadJoin {
  readonly message: TopicMessage
  readonly claim: Claim | 'invalid' | undefined
}

/** Takes the key out of the payload of a join. */
export function readJoin(message: TopicMessage): ReadJoin {
  const { payload } = message
  if (typeof payload !== 'object' || payload === null || !Object.hasOwn(payload, RESUME))
    return { message, claim: undefined }
  const fields = readFields(payload)
  if (fields === undefined) return { message, claim: undefined }
  const { [RESUME]: asked, ...rest } = fields
  return { message: { ...message, payload: rest }, claim: claimOf(asked) }
}

function claimOf(asked: unknown): Claim | 'invalid' {
  if (asked === true) return { since: undefined }
  const fields = readFields(asked) ?? {}
  const { epoch, offset } = fields
  const isPosition =
    typeof epoch === 'string' && Buffer.byteLength(epoch) <= MAX_EPOCH_BYTES && isCount(offset)
  return isPosition && Object.keys(fields).length === 2 ? { since: { epoch, offset } } : 'invalid'
}

/** The reply to a join, with the position beside what the application gave. */
export function withPosition(reply: unknown, position: object): object {
  if (reply === undefined) return { [RESUME]: position }
  // As JSON has it: a class that says itself how it looks is asked.
  const given: unknown = hasToJson(reply) ? JSON.parse(JSON.stringify(reply)) : reply
  if (typeof given !== 'object' || given === null || Array.isArray(given) || given instanceof Uint8Array)
    throw new TypeError('the reply to a join with $resume must be an object')
  const told: Record<string, unknown> = { ...given }
  // Not in the literal: there each object would get a hidden class of its own.
  told[RESUME] = position
  return told
}

function hasToJson(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'toJSON' in value
}
