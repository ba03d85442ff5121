import { type Static, type TSchema, type TUnsafe, Type } from 'typebox'
import { isBytes } from './bytes.ts'

/** The schema that {@link Binary} makes: a `Buffer` on the way in to the server, any `Uint8Array` elsewhere. */
export interface TBinary extends TUnsafe<Uint8Array> {
  readonly '~binary': true
}

/** The type of a payload that goes out, and of one that a client gets. */
export type PayloadOut<S extends TSchema> = S extends TBinary ? Uint8Array : Static<S>

export interface BinaryOptions {
  /** More is an invalid payload. At least 1. @default no limit but the connection's */
  readonly maxBytes?: number | undefined
}

/**
 * Raw bytes as a payload, a reply or an outgoing event: they travel in Phoenix's binary frames, without base64.
 * Clients of protocol version 1 cannot receive them.
 *
 * It stands for a whole payload, alone or in a union; within an object or an array it is refused by `defineChannel`.
 *
 * @throws `TypeError` for a wrong option
 */
export function Binary(options: BinaryOptions = {}): TBinary {
  const maxBytes = maxBytesOf(options)
  const schema = Type.Refine(
    Type.Unsafe<Uint8Array>(Number.isFinite(maxBytes) ? { ...BINARY, maxLength: maxBytes } : BINARY),
    (value) => isBytes(value) && value.byteLength <= maxBytes,
    () =>
      maxBytes === Number.POSITIVE_INFINITY
        ? 'must be binary'
        : `must be binary of at most ${maxBytes} bytes`,
  )
  return marked(schema)
}

/** A copy: with the setting `immutableTypes` TypeBox freezes what it makes. */
function marked(schema: TUnsafe<Uint8Array>): TBinary {
  const descriptors = Object.getOwnPropertyDescriptors(schema)
  return Object.defineProperties({}, { ...descriptors, '~binary': { value: true } }) as TBinary
}

const BINARY = { contentEncoding: 'binary' }

function maxBytesOf(options: BinaryOptions): number {
  const { maxBytes = Number.POSITIVE_INFINITY, ...others } = options
  for (const key of Object.keys(others)) throw new TypeError(`Binary: wanted the option maxBytes, got ${key}`)
  if (maxBytes === Number.POSITIVE_INFINITY || (Number.isSafeInteger(maxBytes) && maxBytes >= 1))
    return maxBytes
  throw new TypeError(`Binary: maxBytes: wanted a whole number of at least 1, got ${String(maxBytes)}`)
}
