import { parse as secureParse } from 'secure-json-parse'
import { type JsonParse, MalformedFrame, type Message, TOO_DEEP } from './message.ts'

/** The treatment of `__proto__` and `constructor.prototype` keys: as Fastify's options of the same names. */
export interface PoisoningOptions {
  readonly onProtoPoisoning: 'error' | 'remove' | 'ignore'
  readonly onConstructorPoisoning: 'error' | 'remove' | 'ignore'
}

/**
 * The limit of nesting in a payload. `JSON.parse` has none of its own, but `JSON.stringify` overflows the stack at
 * some thousands of levels: without a bound a client could send what no handler can send on.
 */
export const MAX_DEPTH = 500

/** Makes a parser that refuses what no handler should ever see. */
export function jsonParse(options: PoisoningOptions): JsonParse {
  const poisoning = {
    protoAction: options.onProtoPoisoning,
    constructorAction: options.onConstructorPoisoning,
  }
  return (text) => {
    // The parser would skip a byte order mark without a word. RFC 8259 forbids one.
    if (text.charCodeAt(0) === 0xfeff) throw new MalformedFrame('a byte order mark')
    const hasEscapes = text.includes('\\u')
    let value: unknown
    try {
      value = hasEscapes || namesPrototype(text) ? secureParse(text, undefined, poisoning) : JSON.parse(text)
    } catch (cause) {
      throw new MalformedFrame('not JSON', { cause })
    }
    if (hasEscapes && LONE_SURROGATE_SUSPECT.test(text) && !isWellFormed(value))
      throw new MalformedFrame('a lone surrogate')
    return value
  }
}

/** True where a key could poison, if none is escaped. Most texts name neither, and need no closer look. */
function namesPrototype(text: string): boolean {
  return text.includes('__proto__') || text.includes('constructor')
}

/**
 * The message, with {@link TOO_DEEP} for a payload where the text that holds it nests more than {@link MAX_DEPTH} levels.
 *
 * @throws MalformedFrame where what answers repeat (refs, topic) may be what is nested.
 */
export function boundDepth(text: string, message: Message): Message {
  if (!isTooDeep(text)) return message
  const { joinRef, ref, topic, event } = message
  if ([joinRef, ref, topic, event].some(isNested)) throw new MalformedFrame('nested too deeply')
  return { ...message, payload: TOO_DEEP }
}

/** True where a text could be too deep: d levels need d opening and d closing characters. Far cheaper than to follow them. */
function opensMany(text: string): boolean {
  return text.length > 2 * MAX_DEPTH && count(text, '[') + count(text, '{') > MAX_DEPTH
}

/** True where JSON text is nested more deeply than {@link MAX_DEPTH}. */
export function isTooDeep(text: string): boolean {
  return opensMany(text) && depth(text) > MAX_DEPTH
}

/** The number of times that a character occurs, as far as it matters. */
function count(text: string, character: string): number {
  let found = 0
  let at = text.indexOf(character)
  while (at !== -1 && found <= MAX_DEPTH) {
    found++
    at = text.indexOf(character, at + 1)
  }
  return found
}

function isNested(value: unknown): boolean {
  return typeof value === 'object' && value !== null
}

/** The escape of any surrogate: the only way for half of one to hide in text that is well-formed UTF-8. */
const LONE_SURROGATE_SUSPECT = /\\u[dD][89a-fA-F]/

function isWellFormed(root: unknown): boolean {
  const open: unknown[] = [root]
  while (open.length > 0) {
    const value = open.pop()
    if (typeof value === 'string') {
      if (!wellFormed(value)) return false
    } else if (typeof value === 'object' && value !== null) {
      for (const key of Object.keys(value)) {
        if (!wellFormed(key)) return false
        open.push((value as Record<string, unknown>)[key])
      }
    }
  }
  return true
}

/** `String.prototype.isWellFormed`, which Node 20 has and the ES2023 library does not declare. */
function wellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text)
}

const QUOTE = 34
const BACKSLASH = 92
const OPEN_BRACKET = 91
const CLOSE_BRACKET = 93
const OPEN_BRACE = 123
const CLOSE_BRACE = 125

function depth(text: string): number {
  let now = 0
  let deepest = 0
  let inString = false
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) inString = !inString
    else if (inString) {
      if (code === BACKSLASH) at++
    } else if (code === OPEN_BRACKET || code === OPEN_BRACE) {
      if (++now > deepest) deepest = now
    } else if (code === CLOSE_BRACKET || code === CLOSE_BRACE) now--
  }
  return deepest
}
