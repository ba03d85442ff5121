import type { CompiledChannel, CompiledExchange } from '../channel/definition.ts'
import { RESUME } from '../channel/resume-key.ts'
import type { PayloadSchema } from '../channel/schema.ts'
import type { TopicPattern } from '../protocol/topic.ts'
import { errorOf, message, operation, REPLY, replyOf } from './envelope.ts'
import type { Json, JsonObject } from './json.ts'
import { freeKey, inOrder, keyOf, refTo } from './names.ts'
import type { Content, Schemas } from './schemas.ts'

/** The places of a document that channels write to. */
export interface Book {
  readonly schemas: Schemas
  readonly messages: Record<string, Json>
  readonly operations: Record<string, Json>
}

/** One channel, written under a key: its address, its messages and operations. */
export class ChannelWriter {
  readonly #channel: CompiledChannel
  readonly #key: string
  readonly #book: Book
  readonly #messages: Record<string, Json> = {}

  constructor(channel: CompiledChannel, key: string, book: Book) {
    this.#channel = channel
    this.#key = key
    this.#book = book
  }

  write(): JsonObject {
    const { pattern, history } = this.#channel
    this.#join()
    this.#operation('leave', { receives: this.#shared('phx_leave'), replies: this.#shared('ok') })
    this.#operation('end', { sends: [...this.#shared('phx_close'), ...this.#shared('phx_error')] })
    for (const [event, exchange] of sorted(this.#channel.in)) this.#in(String(event), exchange)
    for (const [event, schema] of sorted(this.#channel.out)) this.#out(event, schema)
    if (this.#channel.presence !== undefined) this.#presence(this.#channel.presence)
    if (history !== undefined) this.#operation('resume', { sends: this.#shared('resume') })
    return {
      ...addressOf(pattern),
      title: pattern.source,
      messages: this.#messages,
      ...(history && {
        'x-history': { events: [...history.events].sort(inOrder), size: history.size, ttlMs: history.ttlMs },
      }),
    }
  }

  #join(): void {
    const { payload, reply, error } = this.#channel.joinExchange
    const ask = (json: JsonObject): JsonObject => this.#withPosition(json, ASKED)
    const tell = (json: JsonObject): JsonObject => this.#withPosition(json, TOLD)
    const asked = this.#book.schemas.add(`${this.#key}.join`, payload)
    const receives = this.#add('join', 'phx_join', EXCHANGE, asked, ask)
    const replies = [
      ...this.#reply('join.ok', 'ok', this.#contentOf('join.reply', reply), tell),
      ...this.#errors('join', 'join', error),
    ]
    this.#operation('join', { receives, replies })
  }

  #in(event: string, { payload, reply, error }: CompiledExchange): void {
    const key = `in.${keyOf(event)}`
    const content = this.#book.schemas.add(`${this.#key}.${key}`, payload)
    const receives = this.#add(key, event, EXCHANGE, content)
    const replies =
      reply === undefined
        ? []
        : this.#reply(`${key}.ok`, 'ok', this.#book.schemas.add(`${this.#key}.${key}.reply`, reply))
    this.#operation(key, { receives, replies: [...replies, ...this.#errors(key, 'push', error)] })
  }

  #out(event: string, schema: PayloadSchema): void {
    const key = `out.${keyOf(event)}`
    const traits = this.#channel.history?.events.has(event) ? ['logged'] : []
    const content = this.#book.schemas.add(`${this.#key}.${key}`, schema)
    this.#operation(key, { sends: this.#add(key, event, traits, content) })
  }

  #presence(schema: PayloadSchema): void {
    const { schemas } = this.#book
    const { json = {} } = schemas.add(`${this.#key}.presence`, schema)
    const meta = { allOf: [schemas.extended(json, REFS)], required: ['phx_ref'] }
    const entry = {
      type: 'object',
      required: ['metas'],
      properties: { metas: { type: 'array', items: meta } },
    }
    const state = schemas.keep(`${this.#key}.presence_state`, { type: 'object', additionalProperties: entry })
    const diff = {
      type: 'object',
      required: ['joins', 'leaves'],
      properties: { joins: state, leaves: state },
    }
    this.#operation('presence', {
      sends: [
        ...this.#add('presence_state', 'presence_state', [], { json: state }),
        ...this.#add('presence_diff', 'presence_diff', [], { json: diff }),
      ],
    })
  }

  /** Without a schema of the application's own, the errors are those that all channels share. */
  #errors(key: string, to: 'join' | 'push', error: PayloadSchema | undefined): string[] {
    if (error === undefined) return this.#shared(`${to}_error`)
    const content = this.#contentOf(`${key}.error`, error)
    const json = content.json ? errorOf(to, content.json) : refTo('components', 'schemas', `${to}_refusal`)
    return this.#reply(`${key}.error`, 'error', { ...content, json })
  }

  #contentOf(key: string, schema: PayloadSchema | undefined): Content {
    return schema === undefined ? { json: NOTHING } : this.#book.schemas.add(`${this.#key}.${key}`, schema)
  }

  #reply(key: string, status: 'ok' | 'error', content: Content, change = same): string[] {
    return this.#add(key, REPLY, EXCHANGE, content, (json) => replyOf(status, change(json)))
  }

  /** Adds the messages of a payload, one for JSON and one for bytes. @returns their keys in the channel */
  #add(
    key: string,
    name: string,
    traits: readonly string[],
    { json, bytes }: Content,
    change = same,
  ): string[] {
    const keys: string[] = []
    if (json !== undefined) keys.push(this.#put(key, message(name, change(json), traits)))
    if (bytes !== undefined) {
      const binary = { ...message(name, bytes, traits), contentType: 'application/octet-stream' }
      keys.push(this.#put(json === undefined ? key : `${key}.bytes`, binary))
    }
    return keys
  }

  #put(key: string, written: JsonObject): string {
    const { messages } = this.#book
    const full = freeKey(messages, `${this.#key}.${key}`)
    messages[full] = written
    const own = freeKey(this.#messages, key)
    this.#messages[own] = refTo('components', 'messages', full)
    return own
  }

  #shared(key: string): string[] {
    this.#messages[key] = refTo('components', 'messages', key)
    return [key]
  }

  #operation(key: string, exchanged: Parameters<typeof operation>[1]): void {
    const { operations } = this.#book
    operations[freeKey(operations, `${this.#key}.${key}`)] = operation(this.#key, exchanged)
  }

  /** The key of histories, beside what the application declares. */
  #withPosition(json: JsonObject, position: JsonObject): JsonObject {
    if (this.#channel.history === undefined) return json
    return this.#book.schemas.extended(json === NOTHING ? { type: 'object' } : json, { [RESUME]: position })
  }
}

const same = (json: JsonObject): JsonObject => json

const EXCHANGE = ['exchange']
const NOTHING: JsonObject = { type: 'object', maxProperties: 0 }
const REFS: JsonObject = {
  phx_ref: { type: 'string', description: 'The name of this presence; another one after each update.' },
  phx_ref_prev: { type: 'string', description: 'After an update: the name before.' },
}
const POSITION = refTo('components', 'schemas', 'position')
const ASKED: JsonObject = {
  anyOf: [{ const: true }, POSITION],
  description: 'True for a client that wants positions, and the last one that it had when it comes back.',
}
const TOLD: JsonObject = {
  allOf: [POSITION],
  required: ['recovered'],
  properties: {
    recovered: { type: 'boolean', description: 'The client has missed nothing, or gets it now.' },
  },
  description: 'For clients that asked for it.',
}

/** The topic as an address: `room:*` is `room:{id}`. Braces of its own are parameters with one value, for they have no escape. */
function addressOf({ source, prefix, wildcard }: TopicPattern): JsonObject {
  const literal = prefix.replace(/[{}]/g, (brace) => (brace === '{' ? '{open}' : '{close}'))
  const parameters: JsonObject = {
    ...(prefix.includes('{') && { open: { enum: ['{'], default: '{' } }),
    ...(prefix.includes('}') && { close: { enum: ['}'], default: '}' } }),
    ...(wildcard && { id: { description: `What stands for the \`*\` of \`${source}\`.` } }),
  }
  const address = wildcard ? `${literal}{id}` : literal
  return Object.keys(parameters).length === 0 ? { address } : { address, parameters }
}

function sorted<K, V>(map: ReadonlyMap<K, V>): [K, V][] {
  return [...map].sort(([a], [b]) => inOrder(String(a), String(b)))
}
