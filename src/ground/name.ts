/** The longest topic or event in bytes: Phoenix's binary frames give each one length byte. */
export const MAX_NAME_BYTES = 255

/** True where a topic or an event fits the one length byte that a binary frame has for it. */
export function fitsName(name: string, maxBytes = MAX_NAME_BYTES): boolean {
  // A UTF-16 unit makes at most three bytes: most names need no count.
  return name.length * 3 <= maxBytes || Buffer.byteLength(name) <= maxBytes
}

/** True where a value can name something: a topic, an event, a group. Frames, JSON and the other nodes can then carry it. */
export function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && fitsName(value) && !LONE_SURROGATE.test(value)
}

/** `String.prototype.isWellFormed`, which Node 20 has and the ES2023 library does not declare. */
export const LONE_SURROGATE = /\p{Surrogate}/u
