import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { PATH_END_OR_SEMICOLON } from '../handshake.ts'

/** The token that a request shows, and its URL without it: whatever else is named so is a parameter of the application's. */
export interface Asked {
  readonly token: string
  readonly rest: string
}

const TOKEN_HEADER = 'x-phoenix-longpoll-token'
const AUTH_TOKEN_HEADER = 'x-phoenix-authtoken'
const PARAM = 'token='
const PARAM_END = /[&#]/g

/** The header speaks before the query, and of several parameters the last: Phoenix's client puts its own behind all others. */
export function askedOf({ headers, url = '' }: IncomingMessage): Asked {
  const header = headers[TOKEN_HEADER]
  if (typeof header === 'string') return { token: header, rest: url }
  const start = lastParam(url)
  if (start === -1) return { token: '', rest: url }
  PARAM_END.lastIndex = start
  const end = PARAM_END.exec(url)?.index ?? url.length
  // The character in front of it stays, so that the rest is still a query.
  return {
    token: url.slice(start + PARAM.length, end),
    rest: url.slice(0, start) + url.slice(end).replace(/^&/, ''),
  }
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
