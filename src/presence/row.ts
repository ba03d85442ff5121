/** The names that the protocol reserves in the meta of a presence. */
export interface PresenceRefs {
  /** Changes with every update: clients tell metas apart by it alone. 16 base64url characters, opaque, unique. */
  readonly phx_ref: string
  /** After an update: the `phx_ref` that this one replaced. */
  readonly phx_ref_prev?: string
}

/** One presence of a key, as clients see it: what was tracked, and the names that the protocol reserves. */
export interface PresenceMeta extends PresenceRefs {
  readonly [field: string]: unknown
}

/** One presence: a fact that its owner's node wrote, and that nobody else ever changes. */
export interface Row {
  readonly topic: string
  readonly key: string
  /** Tells the owners of one node apart: with node, topic and key it is the identity of the presence. */
  readonly owner: number
  /** The meta as clients see it, with its refs. Frozen, all the way down. */
  readonly meta: PresenceMeta
  /** Length of the meta as JSON text; 0 for a row of another node, which is never sent. */
  readonly length: number
  /** The number that the current incarnation of its node gave it. With that incarnation it is the row's dot. */
  dot: number
}

export interface RowInit {
  readonly topic: string
  readonly key: string
  readonly owner: number
  /** As `ref.ts` makes them: nothing in it needs an escape. */
  readonly ref: string
  /** The ref that this one replaces, if any. */
  readonly previousRef?: string | undefined
  /** The tracked meta as the text of a JSON object, without the reserved names. */
  readonly json: string
}

/** Makes a row of this node. */
export function makeRow({ topic, key, owner, ref, previousRef, json }: RowInit): Row {
  const refs = `{"phx_ref":"${ref}"${previousRef === undefined ? '' : `,"phx_ref_prev":"${previousRef}"`}`
  // As text: where two objects are spread into one, V8 makes a hidden class for each that comes of it.
  const meta: PresenceMeta = JSON.parse(`${refs}${json === '{}' ? '' : ','}${json.slice(1)}`)
  deepFreeze(meta)
  return { topic, key, owner, meta, length: json.length + REFS_LENGTH, dot: 0 }
}

/** Both refs with their names, as JSON text: an upper bound. */
const REFS_LENGTH = 64

/** Makes a row that another node wrote. */
export function receivedRow(topic: string, key: string, owner: number, meta: PresenceMeta, dot: number): Row {
  return { topic, key, owner, meta: deepFreeze(meta), length: 0, dot }
}

/** The tracked meta: a copy, without the refs. */
export function trackedMeta({ meta }: Row): Record<string, unknown> {
  const copy: PresenceMeta = JSON.parse(JSON.stringify(meta))
  const { phx_ref, phx_ref_prev, ...tracked } = copy
  return tracked
}

/** For values made by `JSON.parse` alone: they are trees, and all their fields are their own. */
function deepFreeze<T extends object>(value: T): T {
  for (const field in value) {
    const inner = value[field]
    if (typeof inner === 'object' && inner !== null) deepFreeze(inner)
  }
  return Object.freeze(value)
}
