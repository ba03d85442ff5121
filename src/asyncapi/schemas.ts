import type { TSchema } from 'typebox'
import type { PayloadSchema } from '../channel/schema.ts'
import { readFields } from '../ground/argument.ts'
import { copyJson, isJsonObject, type Json, type JsonObject, mapFields } from './json.ts'
import { freeKey, keyOf, refTo } from './names.ts'

// TypeBox's schemas as AsyncAPI has them: draft 7 of JSON Schema, with references from the root of the document.

/** A payload on the wire: as JSON, as bytes, or either. */
export interface Content {
  readonly json?: JsonObject
  readonly bytes?: JsonObject
}

/** Where the references of a schema lead. */
interface Scope {
  /** The place of the whole schema. */
  readonly root: string
  readonly definitions: ReadonlyMap<string, string>
}

/** The schemas of a document, which grow as channels are written. */
export class Schemas {
  readonly #written: Record<string, Json> = {}

  /** All that were added, by their keys. */
  get all(): JsonObject {
    return this.#written
  }

  /** Adds the schema of a payload. Anything may come where none is declared. */
  add(key: string, schema: PayloadSchema | undefined): Content {
    if (schema === undefined) return { json: {} }
    const bytes = alternatives(schema.source).filter(isBytes)
    const others = alternatives(schema.source).filter((each) => !isBytes(each))
    return {
      ...(others.length > 0 && { json: this.put(key, bytes.length > 0 ? { anyOf: others } : schema.source) }),
      ...(bytes.length > 0 && {
        bytes: this.put(`${key}${others.length > 0 ? '.bytes' : ''}`, oneOf(bytes)),
      }),
    }
  }

  /** @returns a reference to it */
  put(key: string, schema: unknown): JsonObject {
    const free = freeKey(this.#written, key)
    const { $ref } = refTo('components', 'schemas', free)
    this.#written[free] = {}
    const id = readFields(schema)?.$id
    const definitions = new Map(typeof id === 'string' ? [[id, $ref]] : [])
    this.#written[free] = this.#schema(schema, { root: $ref, definitions })
    return { $ref }
  }

  /** Adds a schema that is written already. @returns a reference to it */
  keep(key: string, schema: JsonObject): JsonObject {
    const free = freeKey(this.#written, key)
    this.#written[free] = schema
    return refTo('components', 'schemas', free)
  }

  /** The schema with further properties, also where it allows no others. */
  extended(schema: JsonObject, properties: JsonObject): JsonObject {
    const { $ref } = schema
    if (typeof $ref === 'string') {
      const target = this.#written[$ref.slice(refTo('components', 'schemas', '').$ref.length)]
      return isJsonObject(target) ? this.extended(target, properties) : schema
    }
    const within = (parts: Json | undefined): Json[] =>
      Array.isArray(parts)
        ? parts.map((part) => (isJsonObject(part) ? this.extended(part, properties) : part))
        : []
    const combined = ['allOf', 'anyOf', 'oneOf'].filter((keyword) => keyword in schema)
    return {
      ...schema,
      ...Object.fromEntries(combined.map((keyword) => [keyword, within(schema[keyword])])),
      properties: { ...(isJsonObject(schema.properties) && schema.properties), ...properties },
    }
  }

  #schema(node: unknown, scope: Scope): Json {
    if (typeof node === 'boolean') return node
    const fields = readFields(node)
    if (fields === undefined) return {}
    if (isBytes(node))
      return { type: 'string', format: 'binary', ...mapFields({ maxLength: fields.maxLength }, copyJson) }
    if (fields.type === 'void' || fields.type === 'undefined') return NOTHING
    const inner = this.#hoist(fields, scope)
    const written = mapFields(inDraft7(fields), (value, key) => this.#keyword(key, value, inner))
    return { ...referring(fields.$ref, written, inner), ...(isRefined(node) && { 'x-refined': true }) }
  }

  #keyword(key: string, value: unknown, scope: Scope): Json | undefined {
    if (LEFT_OUT.has(key) || key.startsWith('~')) return undefined
    if (BY_NAME.has(key)) return mapFields(readFields(value) ?? {}, (each) => this.#dependent(each, scope))
    if (!SCHEMAS.has(key)) return copyJson(value)
    return Array.isArray(value) ? value.map((each) => this.#schema(each, scope)) : this.#schema(value, scope)
  }

  /** In `dependencies` a list of names may stand for a schema. */
  #dependent(value: unknown, scope: Scope): Json | undefined {
    return Array.isArray(value) ? copyJson(value) : this.#schema(value, scope)
  }

  /** Definitions become schemas of the document: they may refer to each other in a circle. */
  #hoist(fields: Readonly<Record<string, unknown>>, scope: Scope): Scope {
    const found = Object.entries({ ...readFields(fields.definitions), ...readFields(fields.$defs) })
    if (found.length === 0) return scope
    const key = scope.root.slice(scope.root.lastIndexOf('/') + 1)
    const definitions = new Map(scope.definitions)
    const keys = found.map(([name]) => {
      const free = freeKey(this.#written, `${key}.${keyOf(name)}`)
      this.#written[free] = {}
      definitions.set(name, refTo('components', 'schemas', free).$ref)
      return free
    })
    for (const [index, [, definition]] of found.entries()) {
      const place = keys[index] ?? ''
      const root = refTo('components', 'schemas', place).$ref
      this.#written[place] = this.#schema(definition, { root, definitions })
    }
    return { root: scope.root, definitions }
  }
}

const NOTHING: JsonObject = { type: 'object', maxProperties: 0 }

const LEFT_OUT = new Set([
  '$schema',
  '$id',
  '$anchor',
  '$defs',
  'definitions',
  '$ref',
  '$comment',
  '$vocabulary',
])
const BY_NAME = new Set(['properties', 'patternProperties', 'dependencies'])
const SCHEMAS = new Set([
  'items',
  'additionalItems',
  'additionalProperties',
  'unevaluatedItems',
  'unevaluatedProperties',
  'contains',
  'propertyNames',
  'allOf',
  'anyOf',
  'oneOf',
  'not',
  'if',
  'then',
  'else',
])

/** Keywords of later drafts, by those of draft 7. */
function inDraft7(fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { prefixItems, dependentRequired, dependentSchemas, ...others } = fields
  return {
    ...others,
    ...(prefixItems !== undefined && { items: prefixItems, additionalItems: fields.items }),
    ...((dependentRequired !== undefined || dependentSchemas !== undefined) && {
      dependencies: { ...readFields(dependentRequired), ...readFields(dependentSchemas) },
    }),
  }
}

/** Draft 7 sees nothing beside a reference. */
function referring(ref: unknown, written: JsonObject, scope: Scope): JsonObject {
  if (typeof ref !== 'string') return written
  const $ref = resolved(ref, scope)
  if ($ref === undefined) return written
  return Object.keys(written).length === 0
    ? { $ref }
    : { ...written, allOf: [{ $ref }, ...listOf(written.allOf)] }
}

function listOf(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : []
}

function resolved(ref: string, { root, definitions }: Scope): string | undefined {
  if (ref === '#') return root
  const named = /^#\/(?:\$defs|definitions)\/([^/]+)(.*)$/.exec(ref)
  if (named === null) return ref.startsWith('#/') ? root + ref.slice(1) : definitions.get(ref)
  const [, name = '', rest = ''] = named
  const place = definitions.get(decodeURIComponent(name).replaceAll('~1', '/').replaceAll('~0', '~'))
  return place && place + rest
}

/** The alternatives of a schema, as far as they may tell JSON from bytes. */
function alternatives(schema: TSchema): readonly TSchema[] {
  const { anyOf }: { anyOf?: TSchema[] } = schema
  return anyOf?.some((each) => alternatives(each).some(isBytes)) ? anyOf.flatMap(alternatives) : [schema]
}

function oneOf(schemas: readonly TSchema[]): unknown {
  return schemas.length === 1 ? schemas[0] : { anyOf: schemas }
}

function isBytes(schema: unknown): boolean {
  return typeof schema === 'object' && schema !== null && '~binary' in schema
}

/** True where the application checks more than the schema says. */
function isRefined(schema: unknown): boolean {
  return typeof schema === 'object' && schema !== null && '~refine' in schema
}
