import { isDeepStrictEqual } from 'node:util'
import type { WireEvent } from './transcript.ts'

/** Headers of an upgrade that belong to the protocol. */
const UPGRADE_HEADERS = ['sec-websocket-protocol', 'sec-websocket-extensions', 'cache-control']

/** The refs of presences are opaque: each recorded one stands for one of ours, and the other way round. */
export class OpaqueRefs {
  readonly #ours = new Map<string, string>()
  readonly #recorded = new Map<string, string>()

  same(recorded: string, ours: string): boolean {
    if (!this.#ours.has(recorded) && !this.#recorded.has(ours)) {
      this.#ours.set(recorded, ours)
      this.#recorded.set(ours, recorded)
    }
    return this.#ours.get(recorded) === ours && this.#recorded.get(ours) === recorded
  }
}

/** True where the event that arrived is the one that was recorded. The order of keys in objects means nothing. */
export function sameEvent(recorded: WireEvent, ours: WireEvent, refs: OpaqueRefs): boolean {
  return sameValue(comparable(recorded), comparable(ours), refs)
}

function comparable(event: WireEvent): unknown {
  if ('text' in event) return { t: event.t, frame: parsed(event.text) }
  if (event.t === 'open') {
    return { t: event.t, status: event.status, headers: UPGRADE_HEADERS.map((name) => event.headers[name]) }
  }
  if (event.t === 'refused' || event.t === 'http_recv') {
    return { t: event.t, status: event.status, body: parsed(event.body) }
  }
  if (event.t === 'close') return { t: event.t, code: event.code, reason: event.reason, by: event.by }
  return { t: event.t, hex: event.hex }
}

function parsed(text: string): unknown {
  try {
    return { json: JSON.parse(text) }
  } catch {
    return { text }
  }
}

function sameValue(recorded: unknown, ours: unknown, refs: OpaqueRefs, key = ''): boolean {
  if (key.startsWith('phx_ref') && typeof recorded === 'string' && typeof ours === 'string') {
    return refs.same(recorded, ours)
  }
  if (!isContainer(recorded) || !isContainer(ours)) return isDeepStrictEqual(recorded, ours)
  const keys = Object.keys(recorded)
  return (
    Array.isArray(recorded) === Array.isArray(ours) &&
    keys.length === Object.keys(ours).length &&
    keys.every((name) => Object.hasOwn(ours, name) && sameValue(recorded[name], ours[name], refs, name))
  )
}

function isContainer(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
