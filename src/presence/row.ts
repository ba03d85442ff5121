import { isTooDeep } from '../protocol/json.ts'

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
  /** The `phx_ref` of its meta. */
  readonly ref: string
  /** The meta as clients are told it, with its refs: a JSON object. */
  readonly text: string
  /** The value of the text, for {@link metaOf}: only some are ever asked for it. */
  meta: PresenceMeta | undefined
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
  const previous = previousRef === undefined ? '' : `,"phx_ref_prev":"${previousRef}"`
  // Joined, for it is kept: V8 keeps a text that was put together by a template as its parts.
  const text = ['{"phx_ref":"', ref, '"', previous, json === '{}' ? '' : ',', json.slice(1)].join('')
  return { topic, key, owner, ref, text, meta: undefined, dot: 0 }
}

/** Makes a row that another node wrote; `undefined` where nobody could be told the meta, so deep is it nested. */
export function receivedRow(
  topic: string,
  key: string,
  owner: number,
  meta: PresenceRefs,
  dot: number,
): Row | undefined {
  const text = textOf(meta)
  if (text === undefined || isTooDeep(text)) return undefined
  return { topic, key, owner, ref: meta.phx_ref, text, meta: undefined, dot }
}

function textOf(meta: PresenceRefs): string | undefined {
  try {
    return JSON.stringify(meta)
  } catch {
    // Nested so deeply that it overflows the stack.
    return undefined
  }
}

/** The meta as clients see it, with its refs. Frozen, all the way down. */
export function metaOf(row: Row): PresenceMeta {
  row.meta ??= deepFreeze<PresenceMeta>(JSON.parse(row.text))
  return row.meta
}

/** The tracked meta: a copy, without the refs. */
export function trackedMeta({ text }: Row): Record<string, unknown> {
  const copy: PresenceMeta = JSON.parse(text)
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
