// Bytes are a `Uint8Array` for the application, and an `ArrayBuffer` for phoenix.js.

/** As phoenix.js sends it: it takes nothing for `undefined`. */
export function payloadOf(payload: unknown): object {
  return (
    ArrayBuffer.isView(payload) ? new Uint8Array(payload as Uint8Array).buffer : (payload ?? {})
  ) as object
}

/** A payload that came. */
export function whole(payload: unknown): unknown {
  return payload instanceof ArrayBuffer ? new Uint8Array(payload) : payload
}

/** True for neither an array nor bytes; also of another realm, as a frame of a page is. */
export function isObject(value: unknown): value is object {
  return {}.toString.call(value) === '[object Object]'
}
