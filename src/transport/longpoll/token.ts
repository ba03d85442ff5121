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

/**
 *     version . node . session . issued . HMAC-SHA256 . last
 *
 * All before `last` is the head, which a session keeps for a while: who shows another number than was given changes no more than what
 * that session believes of its own client. The numbers are base 36, what is signed includes the path of the entrance: a token is
 * worthless at another one.
 */
const VERSION = '2'
const HEAD = /^2\.[\w-]{1,64}\.[0-9a-z]{1,16}\.([0-9a-z]{1,11})\.([\w-]{43})$/
const NUMBER = /^[0-9a-z]{1,11}$/

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
   * @param headOf The head that a session has, where it is known: what equals it needs no MAC.
   */
  read(
    token: string,
    date: () => number,
    headOf: (session: string) => string | undefined,
  ): Claims | undefined {
    const cut = token.lastIndexOf('.')
    const [head, number] = [token.slice(0, cut), token.slice(cut + 1)]
    const nodeEnd = head.indexOf('.', VERSION.length + 1)
    const session = head.slice(VERSION.length + 1, head.indexOf('.', nodeEnd + 1))
    if (!NUMBER.test(number)) return undefined
    if (!isSame(head, headOf(session)) && !this.#isSigned(head, date())) return undefined
    return { node: head.slice(VERSION.length + 1, nodeEnd), session, last: Number.parseInt(number, 36) }
  }

  #isSigned(head: string, date: number): boolean {
    const [, issued, mac] = HEAD.exec(head) ?? []
    if (issued === undefined || mac === undefined) return false
    if (!isSame(mac, this.#mac(head.slice(0, -mac.length - 1)))) return false
    return date - Number.parseInt(issued, 36) <= this.#maxAgeMs + SKEW_MS
  }

  #mac(body: string): string {
    return createHmac('sha256', this.#secret)
      .update(`beryl longpoll ${this.#path} ${body}`)
      .digest('base64url')
  }
}

/** Takes as long for what differs at its beginning as for what differs at its end. */
function isSame(given: string, right: string | undefined): boolean {
  if (right?.length !== given.length) return false
  let difference = 0
  for (let at = 0; at < right.length; at++) difference |= given.charCodeAt(at) ^ right.charCodeAt(at)
  return difference === 0
}

/** The token of an answer that carried all up to `last`. */
export function tokenOf(head: string, last: number): string {
  return `${head}.${last.toString(36)}`
}
