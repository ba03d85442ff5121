import { readFileSync } from 'node:fs'

/** How many objects of one kind are alive, and their own size. */
export interface Kind {
  readonly count: number
  readonly bytes: number
}

/** The parts of V8's snapshot format that are used: numbers in a row, `node_fields` of them a node. */
interface Snapshot {
  readonly snapshot: {
    readonly meta: {
      readonly node_fields: readonly string[]
      readonly node_types: readonly [readonly string[], ...unknown[]]
    }
  }
  readonly nodes: readonly number[]
  readonly strings: readonly string[]
}

/** Kinds of node whose name tells what they are; of the others it is content, such as a string's text. */
const NAMED = new Set(['object', 'closure', 'native', 'hidden', 'object shape'])

/** Sums a heap snapshot up by kind: the constructor of objects, the name of closures, else V8's type. */
export function readKinds(file: string): Map<string, Kind> {
  const snapshot = JSON.parse(readFileSync(file, 'utf8')) as Snapshot
  const { node_fields: fields, node_types: types } = snapshot.snapshot.meta
  const [typeAt, nameAt, sizeAt] = ['type', 'name', 'self_size'].map((field) => fields.indexOf(field)) as [
    number,
    number,
    number,
  ]
  const kinds = new Map<string, Kind>()
  for (let node = 0; node < snapshot.nodes.length; node += fields.length) {
    const read = (at: number) => snapshot.nodes[node + at] ?? 0
    const kind = kindName(types[0][read(typeAt)] ?? '?', snapshot.strings[read(nameAt)] ?? '')
    const { count, bytes } = kinds.get(kind) ?? { count: 0, bytes: 0 }
    kinds.set(kind, { count: count + 1, bytes: bytes + read(sizeAt) })
  }
  return kinds
}

function kindName(type: string, name: string): string {
  if (!NAMED.has(type)) return `(${type})`
  return type === 'object' ? name : `(${type}) ${name}`
}

export interface KindGrowth {
  readonly kind: string
  /** Objects, and bytes of them, that came with each of the things added. */
  readonly count: number
  readonly bytes: number
}

/** What `added` more things brought, per thing, largest first; kinds that did not grow with them are left out. */
export function growthPerThing(
  before: ReadonlyMap<string, Kind>,
  after: ReadonlyMap<string, Kind>,
  added: number,
): KindGrowth[] {
  return [...after]
    .map(([kind, { count, bytes }]) => ({
      kind,
      count: (count - (before.get(kind)?.count ?? 0)) / added,
      bytes: (bytes - (before.get(kind)?.bytes ?? 0)) / added,
    }))
    .filter((row) => row.count >= 0.05 || row.bytes >= 4)
    .sort((one, other) => other.bytes - one.bytes)
}
