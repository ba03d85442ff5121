import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'

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
 *     version . node . session . last . issued . HMAC-SHA256
 *
 * The numbers are base 36, what is signed includes the path of the entrance: a token is worthless at another one.
 */
const VERSION = '1'
const SHAPE = /^1\.([\w-]{1,64})\.([0-9a-z]{1,16})\.([0-9a-z]{1,11})\.([0-9a-z]{1,11})\.([\w-]{43})$/

/** The clocks of two nodes may differ by so much. */
const SKEW_MS = 60_000

/** Makes and reads the tokens of one entrance. */
export class Tokens {
  readonly #secret: Uint8Array
  readonly #path: string
  readonly #maxAgeMs: number

  /** @param maxAgeMs No session lives longer without an answer, which has a new token. */
  constructor(secret: Uint8Array | undefined, path: string, maxAgeMs: number) {
    this.#secret = secret ?? randomBytes(32)
    this.#path = path
    this.#maxAgeMs = maxAgeMs
  }

  /** @param date Wall-clock milliseconds. */
  sign(session: string, last: number, date: number): string {
    const body = `${VERSION}.${session}.${last.toString(36)}.${Math.floor(date).toString(36)}`
    return `${body}.${this.#mac(body)}`
  }

  /**
   * `undefined` for what is none of ours, or too old.
   *
   * @param issuedTo The token that a session was given last, where it is known: what equals it needs no MAC.
   */
  read(token: string, date: number, issuedTo: (session: string) => string | undefined): Claims | undefined {
    const [, node, number, last, issued, mac] = SHAPE.exec(token) ?? []
    if (node === undefined || last === undefined || issued === undefined || mac === undefined)
      return undefined
    const session = `${node}.${number}`
    if (!isSame(token, issuedTo(session)) && !isSame(mac, this.#mac(token.slice(0, -mac.length - 1))))
      return undefined
    if (date - Number.parseInt(issued, 36) > this.#maxAgeMs + SKEW_MS) return undefined
    return { node, session, last: Number.parseInt(last, 36) }
  }

  #mac(body: string): string {
    return createHmac('sha256', this.#secret)
      .update(`beryl longpoll ${this.#path} ${body}`)
      .digest('base64url')
  }
}

/** Takes as long for what differs at its beginning as for what differs at its end. */
function isSame(given: string, right: string | undefined): boolean {
  return right?.length === given.length && timingSafeEqual(Buffer.from(given), Buffer.from(right))
}
