import { createHmac, timingSafeEqual } from 'node:crypto'

/** Equal on all nodes. An application has a secret of its own, and asks for more than a name. */
const SECRET = process.env.CHAT_SECRET ?? 'of the example'
const LASTS_MS = 120_000

export interface Ticket {
  readonly name: string
  /** Wall-clock milliseconds. */
  readonly expiresAt: number
}

/** A token that says a name, for two minutes. */
export function writeToken(name: string): string {
  const ticket: Ticket = { name, expiresAt: Date.now() + LASTS_MS }
  const text = Buffer.from(JSON.stringify(ticket)).toString('base64url')
  return `${text}.${sign(text).toString('base64url')}`
}

/** The ticket of a token; `undefined` for what this server did not write. */
export function readToken(token: string): Ticket | undefined {
  const [text = '', signature = ''] = token.split('.')
  const [given, right] = [Buffer.from(signature, 'base64url'), sign(text)]
  if (given.length !== right.length || !timingSafeEqual(given, right)) return undefined
  return JSON.parse(Buffer.from(text, 'base64url').toString())
}

function sign(text: string): Buffer {
  return createHmac('sha256', SECRET).update(text).digest()
}
