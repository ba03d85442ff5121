import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'

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

/** The start of the last parameter named so, behind its `?` or `&`; -1 where there is none. */
function lastParam(url: string): number {
  let at = url.lastIndexOf(PARAM)
  while (at > 0 && url[at - 1] !== '?' && url[at - 1] !== '&') at = url.lastIndexOf(PARAM, at - 1)
  return at > 0 ? at : -1
}

/** The `authToken` of a Phoenix client (1.8). */
export function authTokenOf(headers: IncomingHttpHeaders): string | undefined {
  const token = headers[AUTH_TOKEN_HEADER]
  return typeof token === 'string' ? token : undefined
}
