import { isNode } from './schema-walk.ts'

// The search for the reasons why a payload does not fit. To see that it does not ends at the first part that is wrong, and takes
// microseconds. The search goes through every part, and through all alternatives of a union at each level anew: where a schema
// contains itself, twice as long for each level that a client nests; in a long list of a union a tenth of a second. So what it
// would visit is counted before it is begun.

/** A visit takes one or two microseconds. */
const MOST_VISITS = 2_000
/** To follow a reference takes as long as so many visits more. */
const FOLLOW_VISITS = 9

/** True where the reasons why a value does not fit are found in bounded time. May throw what the value throws when it is read. */
export function isSoonExplained(schema: unknown, value: unknown): boolean {
  return new Visits(schema).visit(schema, value)
}

/** Goes the way of the search, without looking at what fits: never fewer visits than it makes. */
class Visits {
  readonly #root: unknown
  #left = MOST_VISITS
  /** Made with the first reference. */
  #named: Map<string, unknown> | undefined

  constructor(root: unknown) {
    this.#root = root
  }

  /** False where there are too many. */
  visit(schema: unknown, value: unknown): boolean {
    if (--this.#left < 0) return false
    if (!isNode(schema)) return true
    return Object.keys(schema).every((keyword) => this.#apply(keyword, schema[keyword], value))
  }

  #apply(keyword: string, part: unknown, value: unknown): boolean {
    switch (keyword) {
      case 'allOf':
      case 'anyOf':
      case 'oneOf':
      case 'dependencies':
      case 'dependentSchemas':
        return schemasIn(part).every((schema) => this.visit(schema, value))
      case 'not':
      case 'if':
      case 'then':
      case 'else':
        return this.visit(part, value)
      case 'properties':
        return this.#properties(part, value)
      case 'prefixItems':
        return this.#items(part, value)
      case 'items':
        return Array.isArray(part) ? this.#items(part, value) : this.#each(part, value)
      case 'additionalItems':
      case 'additionalProperties':
      case 'contains':
      case 'propertyNames':
      case 'unevaluatedItems':
      case 'unevaluatedProperties':
        return this.#each(part, value)
      case 'patternProperties':
        return schemasIn(part).every((schema) => this.#each(schema, value))
      case '$ref':
        return this.#follow(part, value)
      case '$recursiveRef':
      case '$dynamicRef':
        return false
      default:
        return true
    }
  }

  #properties(part: unknown, value: unknown): boolean {
    if (!isNode(part) || !isNode(value)) return true
    return Object.keys(part).every((name) => !(name in value) || this.visit(part[name], value[name]))
  }

  #items(part: unknown, value: unknown): boolean {
    if (!Array.isArray(value)) return true
    return schemasIn(part).every((schema, index) => index >= value.length || this.visit(schema, value[index]))
  }

  /** One schema for all items, or for all properties; `false` is one, too. */
  #each(schema: unknown, value: unknown): boolean {
    if (!isNode(value)) return true
    return Object.keys(value).every((key) => this.visit(schema, value[key]))
  }

  #follow(name: unknown, value: unknown): boolean {
    this.#left -= FOLLOW_VISITS
    this.#named ??= namedIn(this.#root)
    const target = this.#named.get(String(name))
    return target !== undefined && this.visit(target, value)
  }
}

/** The schemas to which a reference may lead. One that has several is not told apart: nothing is known of it. */
function namedIn(root: unknown): Map<string, unknown> {
  const named = new Map<string, unknown>([['#', root]])
  const seen = new Set<unknown>()
  const open = [root]
  const name = (key: string, schema: unknown): void => {
    named.set(key, named.has(key) && named.get(key) !== schema ? undefined : schema)
  }
  while (open.length > 0) {
    const node = open.pop()
    if (!isNode(node) || seen.has(node)) continue
    seen.add(node)
    if (typeof node.$id === 'string') name(node.$id, node)
    for (const defs of ['$defs', 'definitions'])
      for (const [key, schema] of Object.entries(isNode(node[defs]) ? node[defs] : {})) {
        name(key, schema)
        name(`#/${defs}/${key}`, schema)
      }
    for (const part of Object.values(node)) open.push(part)
  }
  return named
}

function schemasIn(part: unknown): unknown[] {
  return isNode(part) ? Object.values(part) : []
}
