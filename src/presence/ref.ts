import { randomBytes } from 'node:crypto'

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/**
 * Makes the `phx_ref`s of one node: 16 base64url characters, the first 8 random for each maker, the others a count. So
 * two of them are equal only if two makers drew the same 48 bits.
 */
export function refMaker(): () => string {
  const prefix = randomBytes(6).toString('base64url')
  let count = 0
  let head = ''
  return () => {
    const last = count % ALPHABET.length
    if (last === 0) head = prefix + toBase64(count / ALPHABET.length)
    count++
    return head + ALPHABET.charAt(last)
  }
}

/** Seven digits. */

function toBase64(value: number): string {
  let text = ''
  for (let rest = value, digit = 0; digit < 7; digit++) {
    text = ALPHABET.charAt(rest % 64) + text
    rest = Math.floor(rest / 64)
  }
  return text
}
