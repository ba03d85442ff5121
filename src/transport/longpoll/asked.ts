import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { PATH_END_OR_SEMICOLON } from '../handshake.ts'

const TOKEN_HEADER = 'x-phoenix-longpoll-token'
const AUTH_TOKEN_HEADER = 'x-phoenix-authtoken'
const PARAM = 'token='

/** True where a request has this header. Node makes an object of all headers for whoever asks for one of them; most polls have none of these. */
export function hasHeader({ rawHeaders }: IncomingMessage, name: string): boolean {
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const given = rawHeaders[at] as string
    if (given.length === name.length && given.toLowerCase() === name) return true
  }
  return false
}

/**
 * The token that a request shows; '' where it shows none. The header speaks before the query, and of several parameters the last: Phoenix's
 * client puts its own behind all others.
 */
export function tokenIn(request: IncomingMessage): string {
  const { url = '' } = request
  const header = hasHeader(request, TOKEN_HEADER) ? request.headers[TOKEN_HEADER] : undefined
  if (typeof header === 'string') return header
  const start = lastParam(url)
  return start === -1 ? '' : decoded(url.slice(start + PARAM.length, endOfParam(url, start)))
}

/** Ours has nothing that needs escapes, and clients there are who escape all but letters and digits. */
function decoded(param: string): string {
  if (!param.includes('%')) return param
  try {
    return decodeURIComponent(param)
  } catch {
    return param
  }
}

/** The URL without the token: whatever else is named so is a parameter of the application's. */
export function urlWithoutToken({ headers, url = '' }: IncomingMessage): string {
  const start = typeof headers[TOKEN_HEADER] === 'string' ? -1 : lastParam(url)
  if (start === -1) return url
  // The character in front of it stays, so that the rest is still a query.
  return url.slice(0, start) + url.slice(endOfParam(url, start)).replace(/^&/, '')
}

function endOfParam(url: string, start: number): number {
  const [next, fragment] = [url.indexOf('&', start), url.indexOf('#', start)]
  const end = next === -1 ? url.length : next
  return fragment === -1 ? end : Math.min(end, fragment)
}

/** The start of the last parameter named so; -1 where there is none. What begins the query does so once: later ones are of a value. */
function lastParam(url: string): number {
  const query = url.search(PATH_END_OR_SEMICOLON) + 1
  let at = url.lastIndexOf(PARAM)
  while (at > query && url[at - 1] !== '&') at = url.lastIndexOf(PARAM, at - 1)
  return query > 0 && at >= query ? at : -1
}

/** The `authToken` of a Phoenix client (1.8). */
export function authTokenOf(headers: IncomingHttpHeaders): string | undefined {
  const token = headers[AUTH_TOKEN_HEADER]
  return typeof token === 'string' ? token : undefined
}
