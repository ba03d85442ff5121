/** Bytes as they are drawn: pairs of hex digits and `"texts"`, with spaces anywhere between. */
export function bytes(drawn: string): Buffer {
  const hex = drawn.replace(/"([^"]*)"/g, (_, text: string) => Buffer.from(text).toString('hex'))
  return Buffer.from(hex.replace(/\s/g, ''), 'hex')
}
