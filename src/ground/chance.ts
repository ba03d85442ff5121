import { randomBytes } from 'node:crypto'

/** Asked of the system at a time: one question costs more than all that is made of its answer. */
const STOCK_BYTES = 4_096

let stock = Buffer.alloc(0)
let used = 0

/** So many random bytes, as base64url. */
export function randomText(bytes: number): string {
  if (used + bytes > stock.length) {
    stock = randomBytes(Math.max(STOCK_BYTES, bytes))
    used = 0
  }
  const from = used
  used += bytes
  const text = stock.toString('base64url', from, used)
  // Part of it becomes keys: those are kept where they are used, and nowhere else.
  stock.fill(0, from, used)
  return text
}
