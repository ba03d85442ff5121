import { readFileSync } from 'node:fs'

/** The objects of one kind that are alive: their number, and their own size. */
export interface Kind {
  /** The class of the object, or of the one that the object is a part of. */
  readonly owner: string
  /** The name of this part at the owner, and its kind; empty: the owner itself. */
  readonly part: string
  readonly count: number
  readonly bytes: number
}

/** V8's snapshot format, as far as it is used: numbers in a row, so many fields a node and an edge. */
interface Snapshot {
  readonly snapshot: {
    readonly meta: {
      readonly node_fields: readonly string[]
      readonly node_types: readonly [readonly string[], ...unknown[]]
      readonly edge_fields: readonly string[]
      readonly edge_types: readonly [readonly string[], ...unknown[]]
    }
  }
  readonly nodes: readonly number[]
  readonly edges: readonly number[]
  readonly strings: readonly string[]
}

/** Objects of these are parts of whoever holds them. */
const PARTS = /^(Object|Array|Map|Set|system \/.*|)$/
/** Edges by which nobody is kept alive, or that only V8 follows. */
const SKIPPED = new Set(['weak', 'shortcut'])

/** Sums a heap snapshot up: objects by class, and what has no class of its own by the object that holds it. */
export function readKinds(file: string): Map<string, Kind> {
  const heap = new Heap(JSON.parse(readFileSync(file, 'utf8')) as Snapshot)
  const kinds = new Map<string, Kind>()
  for (const { owner, part, bytes } of heap.places()) {
    const key = `${owner}${part}`
    const known = kinds.get(key) ?? { owner, part, count: 0, bytes: 0 }
    kinds.set(key, { ...known, count: known.count + 1, bytes: known.bytes + bytes })
  }
  return kinds
}

interface Place {
  readonly owner: string
  readonly part: string
  readonly bytes: number
}

/** A snapshot as a graph. Nodes are known by their number in the row. */
class Heap {
  readonly #snapshot: Snapshot
  readonly #nodeSize: number
  readonly #node: (field: string, node: number) => number
  readonly #edge: (field: string, edge: number) => number
  readonly #firstEdge: Int32Array

  constructor(snapshot: Snapshot) {
    const { node_fields: nodeFields, edge_fields: edgeFields } = snapshot.snapshot.meta
    this.#snapshot = snapshot
    this.#nodeSize = nodeFields.length
    const nodeAt = new Map(nodeFields.map((field, index) => [field, index]))
    const edgeAt = new Map(edgeFields.map((field, index) => [field, index]))
    this.#node = (field, node) => snapshot.nodes[node * nodeFields.length + (nodeAt.get(field) ?? 0)] ?? 0
    this.#edge = (field, edge) => snapshot.edges[edge * edgeFields.length + (edgeAt.get(field) ?? 0)] ?? 0
    this.#firstEdge = this.#countEdges()
  }

  #countEdges(): Int32Array {
    const first = new Int32Array(this.#snapshot.nodes.length / this.#nodeSize + 1)
    for (let node = 0; node + 1 < first.length; node += 1)
      first[node + 1] = (first[node] ?? 0) + this.#node('edge_count', node)
    return first
  }

  /** Everything that is alive, each once, by the shortest way from the root. */
  *places(): Generator<Place> {
    const paths: ({ owner: string; path: string } | undefined)[] = [{ owner: '(root)', path: '' }]
    const queue = [0]
    for (let head = 0; head < queue.length; head += 1) {
      const node = queue[head] ?? 0
      const at = paths[node] ?? { owner: '(root)', path: '' }
      yield {
        owner: at.owner,
        part: at.path && `.${at.path} ${this.#kind(node)}`,
        bytes: this.#node('self_size', node),
      }
      for (const [edge, to] of this.#edges(node)) {
        if (paths[to] !== undefined) continue
        paths[to] = this.#isOwner(to)
          ? { owner: this.#kind(to), path: '' }
          : { owner: at.owner, path: extend(at.path, edge) }
        queue.push(to)
      }
    }
  }

  *#edges(node: number): Generator<[name: string, to: number]> {
    const { edge_types: types } = this.#snapshot.snapshot.meta
    for (let edge = this.#firstEdge[node] ?? 0; edge < (this.#firstEdge[node + 1] ?? 0); edge += 1) {
      const type = types[0][this.#edge('type', edge)] ?? ''
      if (SKIPPED.has(type)) continue
      const name = this.#edge('name_or_index', edge)
      const isIndex = type === 'element' || type === 'hidden'
      yield [
        isIndex ? '[]' : (this.#snapshot.strings[name] ?? ''),
        this.#edge('to_node', edge) / this.#nodeSize,
      ]
    }
  }

  #isOwner(node: number): boolean {
    return this.#type(node) === 'object' && !PARTS.test(this.#name(node))
  }

  /** The class of an object, else V8's word for what it is. */
  #kind(node: number): string {
    const type = this.#type(node)
    return type === 'object' && this.#name(node) !== '' ? this.#name(node) : `(${type})`
  }

  #type(node: number): string {
    return this.#snapshot.snapshot.meta.node_types[0][this.#node('type', node)] ?? '?'
  }

  #name(node: number): string {
    return this.#snapshot.strings[this.#node('name', node)] ?? ''
  }
}

/** Deeper than this, parts of parts are counted together. */
const MAX_STEPS = 3

function extend(path: string, step: string): string {
  const steps = path === '' ? [] : path.split('.')
  return steps.length >= MAX_STEPS ? path : [...steps, step].join('.')
}

/** The growth by `added` more things, per thing, largest first; kinds that did not grow with them are left out. */
export function growthPerThing(
  before: ReadonlyMap<string, Kind>,
  after: ReadonlyMap<string, Kind>,
  added: number,
): Kind[] {
  return [...after]
    .map(([key, kind]) => ({
      ...kind,
      count: (kind.count - (before.get(key)?.count ?? 0)) / added,
      bytes: (kind.bytes - (before.get(key)?.bytes ?? 0)) / added,
    }))
    .filter((row) => row.count >= 0.05 || row.bytes >= 4)
    .sort((one, other) => other.bytes - one.bytes)
}
