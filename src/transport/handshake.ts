import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyRequest } from 'fastify'
import qs from 'qs'

// The head of an upgrade, as a client wrote it: pure functions.

const TOKEN_PREFIX = 'base64url.bearer.phx.'
/** More than any Phoenix client sends, and little enough to be parsed for a stranger. */
const MAX_PARAMS = 200

/** A request whose head cannot be read: 400. */
export class BadRequest extends Error {
  override readonly name = 'BadRequest'
  readonly statusCode = 400
}

/**
 * A body would be read as the first frames of the connection, or not at all, depending on the version of Node.
 *
 * @throws {@link BadRequest} where the head announces one.
 */
export function checkNoBody(headers: IncomingHttpHeaders): void {
  if (headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== 0)
    throw new BadRequest('an upgrade has no body')
}

/** The whole query of a phoenix.js that has no parameters of its own. */
const PLAIN_QUERY = 'vsn=2.0.0'
const PLAIN_PARAMS = { vsn: '2.0.0' }

/** Where the path ends for Fastify's router. With `useSemicolonDelimiter` a semicolon ends it too. */
export type PathEnd = RegExp
export const PATH_END: PathEnd = /[?#]/
export const PATH_END_OR_SEMICOLON: PathEnd = /[?#;]/

/**
 * The parameters of a URL, nested as Phoenix nests them: `a[b]=1&l[]=1&l[]=2` is `{ a: { b: '1' }, l: ['1', '2'] }`.
 * Objects have no prototype, so every key is an ordinary one.
 *
 * @throws {@link BadRequest} where a percent sequence is not UTF-8.
 */
export function parseParams(url: string, pathEnd = PATH_END): Record<string, unknown> {
  const start = url.search(pathEnd)
  if (start === -1) return Object.create(null)
  const query = url.slice(start + 1)
  if (query === PLAIN_QUERY) return Object.assign(Object.create(null), PLAIN_PARAMS)
  checkUtf8(query)
  // Flat queries are by far the most common, and need no parser of nested ones.
  if (!/\[|%5b/i.test(query))
    return Object.assign(Object.create(null), Object.fromEntries(new URLSearchParams(query)))
  return qs.parse(query, { plainObjects: true, parameterLimit: MAX_PARAMS, duplicates: 'last' })
}

function checkUtf8(query: string): void {
  try {
    if (query.includes('%')) query.replace(/(?:%[0-9a-f]{2})+/gi, decodeURIComponent)
  } catch {
    throw new BadRequest('the query is not UTF-8')
  }
}

/** The sub-protocols that a client offers, in its order. */
export function offeredProtocols(headers: IncomingHttpHeaders): string[] {
  const offered = headers['sec-websocket-protocol'] ?? ''
  return offered === '' ? [] : offered.split(',').map((protocol) => protocol.trim())
}

/**
 * The `authToken` of a Phoenix client (1.8), which travels among the sub-protocols because a browser can set no header.
 * Both base64 alphabets are read, padded or not.
 *
 * @throws {@link BadRequest} where it is not base64.
 */
export function authToken(offered: readonly string[]): string | undefined {
  if (!offered.includes('phoenix')) return undefined
  const encoded = offered.find((protocol) => protocol.startsWith(TOKEN_PREFIX))?.slice(TOKEN_PREFIX.length)
  if (encoded === undefined) return undefined
  if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(encoded)) throw new BadRequest('the authToken is not base64')
  // Node's decoder takes either alphabet.
  return Buffer.from(encoded, 'base64url').toString('utf8')
}

/**
 * Which sub-protocol to answer with: `phoenix` (never the token beside it), else the first of the server's own that the
 * client offered. `false`: the client offered others only, and the server has some. `undefined`: none.
 */
export function chooseProtocol(
  offered: readonly string[],
  supported: readonly string[],
): string | false | undefined {
  const chosen = supported.find((protocol) => offered.includes(protocol))
  if (chosen !== undefined) return chosen
  if (offered.includes('phoenix')) return 'phoenix'
  return supported.length > 0 && offered.length > 0 ? false : undefined
}

/**
 * The address of a client as Fastify has it: with `trustProxy`, the one that was forwarded. Empty where there is none: over
 * a Unix socket, and with `injectWS`.
 */
export function addressOf(request: FastifyRequest): string {
  // proxy-addr fails where there is no socket.
  if (!request.socket) return ''
  return (request.ip as string | undefined) ?? ''
}

/** True where the connection, or the proxy in front of it, has an address to count by. */
export function hasAddress(request: FastifyRequest): boolean {
  return addressOf(request) !== '' || request.socket?.remoteAddress !== undefined
}

/** A URL without its query: tokens travel there, and logs are read by many. */
export function redactUrl(url: string): string {
  const start = url.search(PATH_END_OR_SEMICOLON)
  return start === -1 ? url : `${url.slice(0, start)}?…`
}
