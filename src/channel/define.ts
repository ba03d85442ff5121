import type { TSchema } from 'typebox'
import { readFields } from '../ground/argument.ts'
import { berylError, show } from '../ground/errors.ts'
import { fitsName, MAX_NAME_BYTES } from '../ground/name.ts'
import type { Fields } from '../ground/option-checks.ts'
import { isReservedEvent, parsePattern } from '../protocol/topic.ts'
import { compileHistory, type Refuse, refuseKey, replyOf } from './define-history.ts'
import {
  attachCompiled,
  type CompiledChannel,
  type CompiledEvent,
  type CompiledExchange,
  type CompiledInfo,
} from './definition.ts'
import type { DefineChannel } from './infer.ts'
import { PayloadSchema } from './schema.ts'
import { A_SCHEMA, findFlaw, isTypeBox, type WholeKinds } from './schema-walk.ts'

/**
 * Defines a channel: the contract and the callbacks of all topics that a pattern matches.
 *
 * @param source A pattern: an exact topic (`"lobby"`) or a prefix with a trailing `*` (`"room:*"`, `"*"`). Or a contract, of
 * `fastify-beryl/contract`, which has the schema as well.
 * @param definition See `docs/channels.md`.
 * @throws `BERYL_ERR_CHANNEL_INVALID` where the pattern, an event's name, a schema or a callback is not what it must
 * be: naming the field, what was wanted and what came.
 */
export const defineChannel: DefineChannel = (source, definition) => {
  const { channel, schema } = compile(...withSchema(source, definition))
  const result = Object.freeze({ pattern: channel.pattern.source, schema })
  attachCompiled(result, channel)
  return result as never
}

/** The pattern, and the definition with its schema, from wherever they were given. */
function withSchema(source: unknown, definition: unknown): [pattern: unknown, definition: unknown] {
  const contract = readFields(source)
  const given = readFields(definition)
  if (contract === undefined || given === undefined) return [source, definition]
  const { pattern, schema } = contract
  if (given.schema === undefined) return [pattern, { ...given, schema }]
  const wanted = 'nothing, for the contract has it'
  throw berylError('BERYL_ERR_CHANNEL_INVALID', String(pattern), 'schema', wanted, show(given.schema))
}

const FIELDS = ['schema', 'join', 'snapshot', 'joined', 'in', 'info', 'intercept', 'history', 'terminate']
const SCHEMA_FIELDS = ['join', 'in', 'out', 'info', 'presence']
const EXCHANGE_FIELDS = ['payload', 'reply', 'error']

function compile(source: unknown, given: unknown): { channel: CompiledChannel; schema: unknown } {
  const pattern = parsePattern(source)
  const refuse: Refuse = (field, wanted, got) => {
    throw berylError('BERYL_ERR_CHANNEL_INVALID', pattern.source, field, wanted, show(got))
  }
  const definition = onlyFields(refuse, 'definition', given, FIELDS)
  const schema = onlyFields(refuse, 'schema', definition.schema, SCHEMA_FIELDS)
  const out = compileOut(refuse, schema.out)
  const joinExchange = compileExchange(refuse, 'schema.join', schema.join ?? {})
  refuseKey(refuse, schema.join)
  const channel = {
    pattern,
    joinExchange,
    in: compileIn(refuse, schema.in, definition.in),
    out,
    info: compileInfo(refuse, schema.info, definition.info),
    presence:
      schema.presence === undefined
        ? undefined
        : compileSchema(refuse, 'schema.presence', schema.presence, JSON_ALONE),
    history: compileHistory(refuse, definition.history, { reply: replyOf(schema.join), out }),
    join: callback(refuse, 'join', definition.join) ?? refuse('join', 'a function', definition.join),
    snapshot: compileSnapshot(refuse, definition.snapshot, joinExchange),
    joined: callback(refuse, 'joined', definition.joined),
    intercept: compileIntercept(refuse, definition.intercept, out),
    terminate: callback(refuse, 'terminate', definition.terminate),
  }
  return { channel, schema: definition.schema }
}

function compileIn(refuse: Refuse, schemas: unknown, handlers: unknown): Map<string, CompiledEvent> {
  const declared = fieldsOf(refuse, 'schema.in', schemas)
  const handling = fieldsOf(refuse, 'in', handlers)
  for (const event of Object.keys(handling)) {
    if (!Object.hasOwn(declared, event))
      refuse(`in.${event}`, 'an event that schema.in declares', handling[event])
  }
  const events = new Map<string, CompiledEvent>()
  for (const [event, exchange] of Object.entries(declared)) {
    checkEvent(refuse, `schema.in.${event}`, event)
    // Own: an event may be named like a method of every object.
    const own = Object.hasOwn(handling, event) ? handling[event] : undefined
    const handle = callback(refuse, `in.${event}`, own)
    if (handle === undefined) return refuse(`in.${event}`, 'a handler for the declared event', undefined)
    events.set(event, { name: event, ...compileExchange(refuse, `schema.in.${event}`, exchange), handle })
  }
  return events
}

function compileInfo(refuse: Refuse, schemas: unknown, handlers: unknown): Map<string, CompiledInfo> {
  const declared = fieldsOf(refuse, 'schema.info', schemas)
  const handling = fieldsOf(refuse, 'info', handlers)
  for (const event of Object.keys(handling))
    if (!Object.hasOwn(declared, event))
      refuse(`info.${event}`, 'an event that schema.info declares', handling[event])
  const infos = new Map<string, CompiledInfo>()
  for (const [event, schema] of Object.entries(declared)) {
    checkEvent(refuse, `schema.info.${event}`, event)
    const own = Object.hasOwn(handling, event) ? handling[event] : undefined
    const handle = callback(refuse, `info.${event}`, own)
    if (handle === undefined) return refuse(`info.${event}`, 'a handler for the declared info', undefined)
    infos.set(event, { payload: compileSchema(refuse, `schema.info.${event}`, schema, WHOLE), handle })
  }
  return infos
}

function compileOut(refuse: Refuse, schemas: unknown): Map<string, PayloadSchema> {
  const events = new Map<string, PayloadSchema>()
  for (const [event, schema] of Object.entries(fieldsOf(refuse, 'schema.out', schemas))) {
    checkEvent(refuse, `schema.out.${event}`, event)
    events.set(event, compileSchema(refuse, `schema.out.${event}`, schema, WHOLE))
  }
  return events
}

function compileSnapshot(
  refuse: Refuse,
  value: unknown,
  { reply }: CompiledExchange,
): CompiledChannel['snapshot'] {
  const snapshot = callback(refuse, 'snapshot', value)
  if (snapshot !== undefined && reply === undefined)
    refuse('snapshot', 'a reply for it to give, in schema.join: { reply: … }', value)
  return snapshot
}

function compileIntercept(
  refuse: Refuse,
  callbacks: unknown,
  out: ReadonlyMap<string, PayloadSchema>,
): CompiledChannel['intercept'] {
  const intercept = new Map<string, Callback>()
  for (const [event, value] of Object.entries(fieldsOf(refuse, 'intercept', callbacks))) {
    if (!out.has(event)) refuse(`intercept.${event}`, 'an event that schema.out declares', value)
    const handle = callback(refuse, `intercept.${event}`, value)
    if (handle !== undefined) intercept.set(event, handle)
  }
  return intercept
}

function compileExchange(refuse: Refuse, field: string, exchange: unknown): CompiledExchange {
  if (!hasFields(exchange)) return refuse(field, 'a schema or { payload, reply, error }', exchange)
  if (isTypeBox(exchange) || isForeignSchema(exchange))
    return { payload: compileSchema(refuse, field, exchange, WHOLE), reply: undefined, error: undefined }
  const parts = onlyFields(refuse, field, exchange, EXCHANGE_FIELDS, ', or a TypeBox schema around it all')
  const part = (name: string, kinds: WholeKinds): PayloadSchema | undefined =>
    parts[name] === undefined ? undefined : compileSchema(refuse, `${field}.${name}`, parts[name], kinds)
  return { payload: part('payload', WHOLE), reply: part('reply', REPLY), error: part('error', WHOLE) }
}

const WHOLE: WholeKinds = { bytes: true, nothing: false }
const REPLY: WholeKinds = { bytes: true, nothing: true }
const JSON_ALONE: WholeKinds = { bytes: false, nothing: false }

function compileSchema(refuse: Refuse, field: string, schema: unknown, kinds: WholeKinds): PayloadSchema {
  if (!hasFields(schema) || !isTypeBox(schema)) return refuse(field, A_SCHEMA, schema)
  const flaw = findFlaw(schema, kinds)
  if (flaw !== undefined) return refuse(field + flaw.path, flaw.wanted, flaw.got)
  try {
    return new PayloadSchema(schema as TSchema)
  } catch (cause) {
    return refuse(field, 'a schema that compiles', cause instanceof Error ? cause.message : cause)
  }
}

function checkEvent(refuse: Refuse, field: string, event: string): void {
  if (isReservedEvent(event)) refuse(field, 'another name: this event belongs to the protocol', event)
  if (!fitsName(event)) refuse(field, `a name of at most ${MAX_NAME_BYTES} bytes`, event)
}

function onlyFields(
  refuse: Refuse,
  field: string,
  value: unknown,
  allowed: readonly string[],
  instead = '',
): Fields {
  const fields = readFields(value) ?? refuse(field, `an object with ${allowed.join(', ')}`, value)
  for (const key of Object.keys(fields)) {
    if (!allowed.includes(key)) refuse(`${field}.${key}`, `one of ${allowed.join(', ')}${instead}`, key)
  }
  return fields
}

function fieldsOf(refuse: Refuse, field: string, value: unknown): Fields {
  if (value === undefined) return {}
  return readFields(value) ?? refuse(field, 'an object, event by event', value)
}

// biome-ignore lint/suspicious/noExplicitAny: callbacks are erased here; `infer.ts` typed them for their author
type Callback = (...args: any[]) => unknown

function callback(refuse: Refuse, field: string, value: unknown): Callback | undefined {
  if (value === undefined || typeof value === 'function') return value as Callback | undefined
  return refuse(field, 'a function', value)
}

/** A schema of JSON, of Zod or of an older TypeBox, and no exchange with a wrong name. */
function isForeignSchema({ type, anyOf, allOf }: Fields): boolean {
  return typeof type === 'string' || Array.isArray(anyOf) || Array.isArray(allOf)
}

function hasFields(value: unknown): value is Fields {
  return readFields(value) !== undefined
}
