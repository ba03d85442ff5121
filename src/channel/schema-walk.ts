// The parts of a schema that are none, or that cannot cross the wire. Only JSON does, and bytes where a whole payload is bytes.

/** A part of a schema that no contract may have: where it stands (a JSON pointer) and what it is. */
export interface Flaw {
  readonly path: string
  readonly wanted: string
  readonly got: unknown
}

/** The thing wanted where a schema stands. */
export const A_SCHEMA =
  'a TypeBox schema, of the package "typebox" (Type.Unsafe makes one of any other JSON schema)'

const TYPEBOX_MARKS = ['~kind', '~unsafe', '~binary']

/** Compiling is no test: to TypeBox, any object is a schema, and one whose keywords it does not know allows all. */
export function isTypeBox(value: unknown): boolean {
  return typeof value === 'object' && value !== null && TYPEBOX_MARKS.some((mark) => mark in value)
}

/** Kinds that may stand for the whole of a payload, beside JSON. */
export interface WholeKinds {
  readonly bytes: boolean
  /** A reply, which is then `{}`. */
  readonly nothing: boolean
}

type SchemaNode = Readonly<Record<string, unknown>>

/** Keywords that hold data, or names, and no schemas. */
const DATA = new Set(['const', 'enum', 'default', 'examples', 'required'])

/** Keywords that hold schemas by names of the application's own. */
const BY_NAME = new Set(['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas'])

/** Where the builders of TypeBox put the schemas that they are given, by kind. They look at none of them. */
const GIVEN: ReadonlyMap<unknown, string> = new Map([
  ['Object', 'properties'],
  ['Record', 'patternProperties'],
  ['Array', 'items'],
  ['Tuple', 'items'],
  ['Union', 'anyOf'],
  ['Intersect', 'allOf'],
  ['Cyclic', '$defs'],
])

/** Kinds that JSON does not have, by TypeBox's names, and the ones to take instead. */
const INSTEAD: ReadonlyMap<string, string> = new Map([
  ['bigint', 'Type.String() for what is larger than a number'],
  ['date', 'Type.String() or Type.Number() for a time'],
  ['uint8array', 'Binary(), for a whole payload'],
  ...['symbol', 'function', 'constructor', 'promise', 'iterator', 'asynciterator'].map(
    (kind) => [kind, 'a type that JSON has'] as const,
  ),
])

/** The first part that is wrong within `schema`; `undefined` where there is none. */
export function findFlaw(schema: unknown, kinds: WholeKinds): Flaw | undefined {
  return new Walk(kinds).look(schema, '', true)
}

class Walk {
  readonly #kinds: WholeKinds
  /** A schema may stand for the whole at one place and for a part at another. */
  readonly #seen = { whole: new Set<object>(), part: new Set<object>() }

  constructor(kinds: WholeKinds) {
    this.#kinds = kinds
  }

  look(schema: unknown, path: string, isWhole: boolean): Flaw | undefined {
    const seen = isWhole ? this.#seen.whole : this.#seen.part
    if (!isNode(schema) || seen.has(schema)) return undefined
    seen.add(schema)
    return stranger(schema, path) ?? this.#flaw(schema, path, isWhole) ?? this.#within(schema, path, isWhole)
  }

  #flaw(node: SchemaNode, path: string, isWhole: boolean): Flaw | undefined {
    if (isBinary(node)) return this.#kinds.bytes && isWhole ? undefined : { path, ...BYTES }
    const kind = String(node['~kind'] ?? node.type)
    if (kind === 'Undefined' || kind === 'Void') {
      if (this.#kinds.nothing && isWhole) return undefined
      return { path, wanted: 'Type.Optional(…) for what may be missing', got: notJson(kind) }
    }
    const wanted = INSTEAD.get(kind.toLowerCase()) ?? INSTEAD.get(String(node.type).toLowerCase())
    return wanted === undefined ? undefined : { path, wanted, got: notJson(kind) }
  }

  /** The alternatives of a union stand where it stands; whatever else a schema holds is a part of it. */
  #within(node: SchemaNode, path: string, isWhole: boolean): Flaw | undefined {
    return firstOf(Object.keys(node), (key) => {
      const at = `${path}/${key}`
      if (DATA.has(key)) return undefined
      if (BY_NAME.has(key)) return this.#each(node[key], at, false)
      const alternative = key === 'anyOf' || key === 'oneOf'
      return alternative || Array.isArray(node[key])
        ? this.#each(node[key], at, alternative && isWhole)
        : this.look(node[key], at, false)
    })
  }

  #each(schemas: unknown, path: string, isWhole: boolean): Flaw | undefined {
    if (typeof schemas !== 'object' || schemas === null) return undefined
    return firstOf(Object.entries(schemas), ([key, schema]) => this.look(schema, `${path}/${key}`, isWhole))
  }
}

/** A part that was given for a schema, and is none: everything would fit it. */
function stranger(node: SchemaNode, path: string): Flaw | undefined {
  const kind = node['~kind']
  const slot = GIVEN.get(kind)
  if (slot === undefined) return undefined
  const at = `${path}/${slot}`
  const given = node[slot]
  if (kind === 'Array') return isTypeBox(given) ? undefined : { path: at, wanted: A_SCHEMA, got: given }
  return firstOf(Object.entries(Object(given)), ([key, got]) =>
    isTypeBox(got) ? undefined : { path: `${at}/${key}`, wanted: A_SCHEMA, got },
  )
}

const BYTES = { wanted: 'Binary() for a whole payload, reply or event alone', got: 'Binary() within JSON' }

function notJson(kind: string): string {
  return `Type.${kind}(), which JSON does not have`
}

function firstOf<T, R>(items: readonly T[], find: (item: T) => R | undefined): R | undefined {
  for (const item of items) {
    const found = find(item)
    if (found !== undefined) return found
  }
  return undefined
}

export function isNode(value: unknown): value is SchemaNode {
  return typeof value === 'object' && value !== null
}

function isBinary(schema: SchemaNode): boolean {
  return schema['~binary'] === true
}

/** True where a schema lets some part be anything: what passes it has still to be held against JSON. */
export function isOpen(node: unknown, seen = new Set<object>()): boolean {
  if (!isNode(node) || seen.has(node)) return false
  seen.add(node)
  if (isBinary(node)) return false
  const kind = node['~kind']
  if (kind === 'Any' || kind === 'Unknown' || '~unsafe' in node) return true
  return Object.entries(node).some(([key, value]) => !DATA.has(key) && isOpen(value, seen))
}
