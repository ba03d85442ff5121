/** One presence of a key, as clients see it: what was tracked, and the names that the protocol reserves. */
export interface PresenceMeta {
  /** Changes with every update: clients tell metas apart by it alone. 16 base64url characters, opaque, unique. */
  readonly phx_ref: string
  /** After an update: the `phx_ref` that this one replaced. */
  readonly phx_ref_prev?: string
  readonly [field: string]: unknown
}

/** One presence: a fact that its owner's node wrote, and that nobody else ever changes. */
export interface Row {
  readonly topic: string
  readonly key: string
  /** Tells the owners of one node apart: with node, topic and key it is the identity of the presence. */
  readonly owner: number
  readonly ref: string
  /** The ref that this one replaced; empty where it replaced none. */
  readonly previousRef: string
  /** The tracked meta as JSON text, without the reserved names: what travels between nodes. */
  readonly json: string
  /** What clients see. Frozen, all the way down. */
  readonly meta: PresenceMeta
  /** The number that the current incarnation of its node gave it. With that incarnation it is the row's dot. */
  dot: number
}

export type RowInit = Omit<Row, 'meta' | 'dot'>

/** Makes a row. Throws a SyntaxError where `json` is not a JSON object, or uses the reserved name. */
export function makeRow(init: RowInit, dot = 0): Row {
  const { topic, key, owner, ref, previousRef, json } = init
  return { topic, key, owner, ref, previousRef, json, meta: makeMeta(ref, previousRef, json), dot }
}

// The refs are put into the text, not into the object: one parse makes the meta, and `__proto__` stays a plain field.
function makeMeta(ref: string, previousRef: string, json: string): PresenceMeta {
  if (!json.startsWith('{')) throw new SyntaxError('a meta is a JSON object')
  const previous = previousRef === '' ? '' : `,"phx_ref_prev":${JSON.stringify(previousRef)}`
  const rest = /^\{\s*\}$/.test(json) ? '}' : `,${json.slice(1)}`
  const meta: PresenceMeta = JSON.parse(`{"phx_ref":${JSON.stringify(ref)}${previous}${rest}`)
  if (meta.phx_ref !== ref) throw new SyntaxError('a meta may not name its own phx_ref')
  return deepFreeze(meta)
}

function deepFreeze<T extends object>(value: T): T {
  for (const inner of Object.values(value)) {
    if (typeof inner === 'object' && inner !== null) deepFreeze(inner)
  }
  return Object.freeze(value)
}
