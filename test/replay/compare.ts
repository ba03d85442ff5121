import { isDeepStrictEqual } from 'node:util'
import type { WireEvent } from './transcript.ts'

/** Headers of an upgrade that belong to the protocol. */
const UPGRADE_HEADERS = ['sec-websocket-protocol', 'sec-websocket-extensions', 'cache-control']

/** Headers of an answer to a poller that belong to the protocol. Only those answers have the first. */
const POLL_HEADERS = [
  'access-control-allow-origin',
  'access-control-allow-headers',
  'access-control-allow-methods',
  'access-control-max-age',
  'cache-control',
]

/** The refs of presences, and the tokens of pollers, are opaque: each recorded one stands for one of ours, and the other way round. */
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
  const isPoll = recorded.t === 'http_recv' && POLLED in (recorded.headers ?? {})
  return sameValue(comparable(recorded, isPoll), comparable(ours, isPoll), refs)
}

/** A recorded answer to a poller bears this header, empty where ours is to have none. */
const POLLED = 'access-control-allow-origin'

/** The answer to a poll has messages, each a text of its own. */
function polled({ status, body, headers = {} }: WireEvent & { t: 'http_recv' }): unknown {
  const parsedBody = parsed(body)
  if ('json' in parsedBody && isContainer(parsedBody.json) && Array.isArray(parsedBody.json.messages))
    parsedBody.json.messages = parsedBody.json.messages.map(parsed)
  return { status, body: parsedBody, headers: POLL_HEADERS.map((name) => headers[name] ?? '') }
}

function comparable(event: WireEvent, isPoll: boolean): unknown {
  if (event.t === 'http_recv' && isPoll) return polled(event)
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

function parsed(text: string): { json: unknown } | { text: string } {
  try {
    return { json: JSON.parse(text) }
  } catch {
    return { text }
  }
}

function sameValue(recorded: unknown, ours: unknown, refs: OpaqueRefs, key = ''): boolean {
  if (
    (key.startsWith('phx_ref') || key === 'token') &&
    typeof recorded === 'string' &&
    typeof ours === 'string'
  ) {
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
