import { readFields } from '../ground/argument.ts'
import { DEFAULT_SIZE, DEFAULT_TTL_MS, type DeclaredHistory, MAX_SIZE } from '../history/declared.ts'
import { RESUME } from './resume-key.ts'
import type { PayloadSchema } from './schema.ts'
import { isTypeBox } from './schema-walk.ts'

/** Refuses a part of a definition. */
export type Refuse = (field: string, wanted: string, got: unknown) => never

const FIELDS = ['events', 'size', 'ttlMs']

/** The parts of a definition that a history stands on. */
interface Contract {
  /** The schema of the reply to the join. */
  readonly reply: unknown
  readonly out: ReadonlyMap<string, PayloadSchema>
}

export function compileHistory(
  refuse: Refuse,
  given: unknown,
  contract: Contract,
): DeclaredHistory | undefined {
  if (given === undefined) return undefined
  const fields = readFields(given) ?? refuse('history', `an object with ${FIELDS.join(', ')}`, given)
  for (const key of Object.keys(fields))
    if (!FIELDS.includes(key)) refuse(`history.${key}`, `one of ${FIELDS.join(', ')}`, key)
  if (!canHavePosition(contract.reply))
    refuse(
      'schema.join.reply',
      `an object, beside which "${RESUME}" can stand, for the channel has a history`,
      contract.reply,
    )
  return Object.freeze({
    events: eventsOf(refuse, fields.events, contract.out),
    size: whole(refuse, 'history.size', fields.size, { byDefault: DEFAULT_SIZE, max: MAX_SIZE }),
    ttlMs: whole(refuse, 'history.ttlMs', fields.ttlMs, {
      byDefault: DEFAULT_TTL_MS,
      max: Number.MAX_SAFE_INTEGER,
    }),
  })
}

function eventsOf(refuse: Refuse, given: unknown, out: Contract['out']): ReadonlySet<string> {
  const wanted = 'the names of the events that are logged, one at least'
  if (!Array.isArray(given) || given.length === 0) return refuse('history.events', wanted, given)
  for (const [index, event] of given.entries()) {
    const schema = out.get(event)
    const field = `history.events[${index}]`
    if (schema === undefined) refuse(field, 'an event that schema.out declares', event)
    else if (schema.takesBytes) refuse(field, 'an event of JSON: a log keeps no bytes', event)
  }
  return new Set(given)
}

function whole(
  refuse: Refuse,
  field: string,
  given: unknown,
  { byDefault, max }: { readonly byDefault: number; readonly max: number },
): number {
  if (given === undefined) return byDefault
  if (typeof given === 'number' && Number.isSafeInteger(given) && given >= 1 && given <= max) return given
  return refuse(
    field,
    max === MAX_SIZE ? `a whole number from 1 to ${max}` : 'a whole number of at least 1',
    given,
  )
}

/** The schema of the reply, as it was given: the marks of TypeBox are properties that no copy has. */
export function replyOf(join: unknown): unknown {
  return isTypeBox(join) ? undefined : readFields(join)?.reply
}

/** The key belongs to the protocol: no payload of a join has it, and no reply gives it. */
export function refuseKey(refuse: Refuse, join: unknown): void {
  const fields = readFields(join) ?? {}
  const parts = isTypeBox(join) ? { '': fields } : { '.payload': fields.payload, '.reply': fields.reply }
  for (const [part, schema] of Object.entries(parts)) {
    const properties = readFields(readFields(schema)?.properties) ?? {}
    if (Object.hasOwn(properties, RESUME))
      refuse(`schema.join${part}.${RESUME}`, 'another name: this key belongs to the protocol', RESUME)
  }
}

/** Types of JSON, and of bytes, that are no object. */
const NO_OBJECT = new Set(['string', 'number', 'integer', 'boolean', 'null', 'array'])

function isBytes(schema: unknown): boolean {
  return typeof schema === 'object' && schema !== null && '~binary' in schema
}

/** True where a reply may be an object. One that may be anything is looked at when it is given. */
function canHavePosition(reply: unknown): boolean {
  const schema = readFields(reply)
  if (schema === undefined) return true
  if (isBytes(reply) || 'const' in schema || NO_OBJECT.has(String(schema.type))) return false
  const { anyOf } = schema
  return !Array.isArray(anyOf) || anyOf.every(canHavePosition)
}
