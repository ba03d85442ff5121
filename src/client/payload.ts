// Bytes are a `Uint8Array` for the application, and an `ArrayBuffer` for phoenix.js.

/** As phoenix.js sends it: it takes nothing for `undefined`. */
export function payloadOf(payload: unknown): object {
  return (
    kindOf(payload) === 'Uint8Array' ? new Uint8Array(payload as Uint8Array).buffer : (payload ?? {})
  ) as object
}

/** A payload that came. */
export function whole(payload: unknown): unknown {
  return payload instanceof ArrayBuffer ? new Uint8Array(payload) : payload
}

/** `Object`, `Uint8Array`, …; also of another realm, as a frame of a page is. */
export function kindOf(value: unknown): string {
  return {}.toString.call(value).slice(8, -1)
}
