import type { TestContext } from 'node:test'
import { Parser } from '@asyncapi/parser'
import { Ajv, type ValidateFunction } from 'ajv'
import Fastify, { type FastifyInstance } from 'fastify'
import { type BerylOptions, beryl, type ChannelDefinition, defineChannel } from 'fastify-beryl'
import { type AsyncApiDocument, asyncapi, type Json, type JsonObject } from 'fastify-beryl/asyncapi'

// Documents, the official parser that says whether they are valid, and a validator that says what they mean.

/** As `defineChannel`, of what is put together by the test: the types have nothing to infer. */
export const define = defineChannel as unknown as (pattern: string, definition: object) => ChannelDefinition

export const info = { title: 'A test', version: '1.0.0' }

export async function served(t: TestContext, options: BerylOptions): Promise<FastifyInstance> {
  const app = Fastify()
  t.after(() => app.close())
  await app.register(beryl, options)
  await app.ready()
  return app
}

export async function documentOf(
  t: TestContext,
  channels: readonly ChannelDefinition[],
  options: BerylOptions = {},
): Promise<AsyncApiDocument> {
  return asyncapi(await served(t, { ...options, channels }), { info })
}

const parser = new Parser()

/** The flaws that the official parser finds, hints apart. */
export async function flawsOf(document: object): Promise<string[]> {
  const { document: parsed, diagnostics } = await parser.parse(JSON.stringify(document))
  const flaws = diagnostics
    .filter(({ code }) => !HINTS.has(String(code)))
    .map(({ code, message, path }) => `${code} ${path.join('.')}: ${message}`)
  return parsed === undefined ? ['it is no document', ...flaws] : flaws
}

/** Wishes for more than there is to say: licence, contact, an id, tags, descriptions, and a version later than 3.0. */
const HINTS = new Set([
  'asyncapi-id',
  'asyncapi-info-contact',
  'asyncapi-info-contact-properties',
  'asyncapi-info-description',
  'asyncapi-info-license',
  'asyncapi-info-license-url',
  'asyncapi-latest-version',
  'asyncapi-tags',
  'asyncapi3-tags',
])

/** A validator of the schema at a place of the document. */
export function validatorAt(document: object, ...path: readonly string[]): ValidateFunction {
  const ajv = new Ajv({ strict: false, validateSchema: false, validateFormats: false })
  ajv.addSchema({ ...document, $id: 'document' }, 'document')
  const pointer = path.map((segment) => encodeURIComponent(segment.replaceAll('/', '~1')))
  return ajv.compile({ $ref: `document#/${pointer.join('/')}` })
}

/** The value at a place of the document, behind all references on the way. */
export function at(document: object, ...path: readonly string[]): Json {
  let value: unknown = document
  for (const segment of path) {
    value = Reflect.get(Object(value), segment)
    const ref: unknown = Reflect.get(Object(value), '$ref')
    if (typeof ref === 'string') value = at(document, ...ref.slice(2).split('/'))
  }
  return value as Json
}

/** As {@link at}, of what is an object. */
export function partAt(document: object, ...path: readonly string[]): JsonObject {
  return at(document, ...path) as JsonObject
}

export interface FoundMessage {
  readonly key: string
  readonly name: unknown
  readonly contentType: unknown
  /** Where it stands. */
  readonly path: readonly string[]
}

/** The messages of a channel, by its references to them. */
export function messagesOf(document: AsyncApiDocument, channel: string): FoundMessage[] {
  const channels = document.channels[channel] as { messages: JsonObject }
  return Object.entries(channels.messages).map(([key, message]) => {
    const ref: unknown = Reflect.get(Object(message), '$ref')
    const path = typeof ref === 'string' ? ref.slice(2).split('/') : ['channels', channel, 'messages', key]
    const { name, contentType } = partAt(document, ...path)
    return { key, name, contentType, path }
  })
}
