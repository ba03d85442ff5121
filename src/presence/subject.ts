import { readFields, refuseArgument } from '../ground/argument.ts'
import { isName, MAX_NAME_BYTES } from '../ground/name.ts'
import { refusePresence } from './meta.ts'
import type { Owners } from './owners.ts'
import type { PresenceOwner } from './presence.ts'

/** The subject of a call: a presence under this name, as long as its owner lives. */
interface Subject {
  readonly owner: PresenceOwner
  readonly name: string
}

/** @throws BERYL_ERR_PRESENCE_INVALID, BERYL_ERR_PRESENCE_OWNER_ENDED */
export function subjectOf(owners: Owners, topic: unknown, key: unknown, options: unknown): Subject {
  const [name, on] = [String(isKey(key) ? key : '?'), typeof topic === 'string' ? topic : '?']
  if (!isKey(key)) refusePresence(name, on, 'key', A_KEY, key)
  if (typeof topic !== 'string') refusePresence(name, on, 'topic', A_TOPIC, topic)
  const { owner } = readFields(options) ?? refusePresence(name, on, 'options', AN_OWNER, options)
  owners.check(owner, on, name)
  // A channel's own topic was let in with its join.
  if (!isName(topic) && (owner instanceof AbortSignal || owner.topic !== topic))
    refusePresence(name, on, 'topic', A_TOPIC, topic)
  return { owner, name }
}

/** @throws BERYL_ERR_ARGUMENT for what is no key */
export function keyOf(call: string, key: unknown): string {
  return isKey(key) ? String(key) : refuseArgument(call, 'key', A_KEY, key)
}

const A_KEY = 'a string or a finite number'
const A_TOPIC = `a well-formed string of 1 to ${MAX_NAME_BYTES} bytes`
const AN_OWNER = '{ owner }, an AbortSignal or a channel: the presence ends with it'

function isKey(key: unknown): key is string | number {
  return typeof key === 'string' || (typeof key === 'number' && Number.isFinite(key))
}
