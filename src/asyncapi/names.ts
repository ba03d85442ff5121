import { createHash } from 'node:crypto'

// Keys of the document are letters, digits, `_`, `-` and `.`, for they become names in generated clients. Topics and events may
// be any string. A key depends on nothing but what it names, so that no other channel moves it.

const PLAIN = /^(?!__proto__$)[\w-]+(?::[\w-]+)*$/

/** The key of a topic, an event or a path: `user:joined` is `user.joined`. What is not plain gets a digest behind it. */
export function keyOf(text: string): string {
  return PLAIN.test(text) ? text.replaceAll(':', '.') : digested(text)
}

/** The key of a pattern: `room:*` is `room.id`. */
export function keyOfPattern(pattern: string): string {
  if (!pattern.endsWith('*')) return /(?:^|:)id$/.test(pattern) ? digested(pattern) : keyOf(pattern)
  const topic = `${pattern.slice(0, -1)}id`
  return PLAIN.test(topic) && /(?:^|:)id$/.test(topic) ? keyOf(topic) : digested(pattern)
}

function digested(text: string): string {
  const readable = text.replace(/[^\w-]+/g, '.').replace(/^\.|\.$/g, '')
  return `${readable}..${createHash('sha256').update(text).digest('hex').slice(0, 8)}`
}

/** The first free key: two different things may come to the same one, such as the event `b:ok` and the reply to `b`. */
export function freeKey(taken: Readonly<Record<string, unknown>>, key: string): string {
  let free = key
  for (let n = 2; Object.hasOwn(taken, free); n++) free = `${key}..${n}`
  return free
}

/** A reference to a part of the document. */
export function refTo(...path: readonly string[]): { readonly $ref: string } {
  const segments = path.map((segment) => segment.replaceAll('~', '~0').replaceAll('/', '~1'))
  return { $ref: `#/${segments.join('/')}` }
}

/** By code units, which no locale changes. */
export function inOrder(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
