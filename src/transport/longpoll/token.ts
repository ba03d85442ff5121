import { createHmac, randomBytes } from 'node:crypto'

/** The claims of a token: whose it is, and how much its holder has been given. */
export interface Claims {
  /** The node on which the session lives. */
  readonly node: string
  /** The id of its connection, which begins with the node. */
  readonly session: string
  /** The number of the last message that its answer carried: whoever shows the token has it, and all before. */
  readonly last: number
}

/** A session that is known here. */
export interface HeadOwner {
  /** The head of its tokens: see below. */
  readonly head: string
}

/** The claims, and the session where it is known. */
export interface Shown<Owner> extends Claims {
  readonly owner: Owner | undefined
}

/**
 *     version . node . session . issued . HMAC-SHA256 . last
 *
 * All before `last` is the head, which a session keeps for a while: who shows another number than was given changes no more than what
 * that session believes of its own client. What is signed includes the path of the entrance: a token is worthless at another one.
 * `issued` and the number in `session` are base 36.
 */
const VERSION = '2'
const HEAD = /^2\.[\w-]{1,64}\.[0-9a-z]{1,16}\.([0-9a-z]{1,11})\.([\w-]{43})$/
const NUMBER = /^\d{1,15}$/

/** The clocks of two nodes may differ by so much. */
const SKEW_MS = 60_000

/** Makes and reads the tokens of one entrance. */
export class Tokens {
  readonly #secret: Uint8Array
  readonly #path: string
  readonly #maxAgeMs: number

  /** @param maxAgeMs of a head: no session lives longer without a new one */
  constructor(secret: Uint8Array | undefined, path: string, maxAgeMs: number) {
    this.#secret = secret ?? randomBytes(32)
    this.#path = path
    this.#maxAgeMs = maxAgeMs
  }

  /** The head of a session's tokens from now on. @param date Wall-clock milliseconds. */
  head(session: string, date: number): string {
    const body = `${VERSION}.${session}.${Math.floor(date).toString(36)}`
    return `${body}.${this.#mac(body)}`
  }

  /**
   * `undefined` for what is none of ours, or too old.
   *
   * @param date Tells wall-clock milliseconds.
   * @param ownerOf The session, where it is known: what begins with its head needs no MAC.
   */
  read<Owner extends HeadOwner>(
    token: string,
    date: () => number,
    ownerOf: (session: string) => Owner | undefined,
  ): Shown<Owner> | undefined {
    const headEnd = endOfHead(token)
    if (headEnd === -1) return undefined
    const nodeEnd = token.indexOf('.', VERSION.length + 1)
    const session = token.slice(VERSION.length + 1, token.indexOf('.', nodeEnd + 1))
    const owner = ownerOf(session)
    const isKnown = owner !== undefined && isSame(token, headEnd, owner.head)
    if (!isKnown && !this.#isSigned(token.slice(0, headEnd), date())) return undefined
    return {
      node: token.slice(VERSION.length + 1, nodeEnd),
      session,
      last: Number(token.slice(headEnd + 1)),
      owner,
    }
  }

  #isSigned(head: string, date: number): boolean {
    const [, issued, mac] = HEAD.exec(head) ?? []
    if (issued === undefined || mac === undefined) return false
    if (!isSame(mac, mac.length, this.#mac(head.slice(0, -mac.length - 1)))) return false
    return date - Number.parseInt(issued, 36) <= this.#maxAgeMs + SKEW_MS
  }

  #mac(body: string): string {
    return createHmac('sha256', this.#secret)
      .update(`beryl longpoll ${this.#path} ${body}`)
      .digest('base64url')
  }
}

/** True for what one of these servers gave once, be it one that has started anew since and cannot read it. */
export function isToken(text: string): boolean {
  return HEAD.test(text.slice(0, Math.max(0, endOfHead(text))))
}

/** The place of the dot between head and number; -1 where there is no number. */
function endOfHead(text: string): number {
  const end = text.lastIndexOf('.')
  return NUMBER.test(text.slice(end + 1)) ? end : -1
}

/** True where `given` up to `end` is `right`. Takes as long for what differs at its beginning as for what differs at its end. */
function isSame(given: string, end: number, right: string): boolean {
  if (right.length !== end) return false
  let difference = 0
  for (let at = 0; at < right.length; at++) difference |= given.charCodeAt(at) ^ right.charCodeAt(at)
  return difference === 0
}

/** The token of an answer that carried all up to `last`. */
export function tokenOf(head: string, last: number): string {
  return `${head}.${last}`
}
