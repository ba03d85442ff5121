import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'

/** The token that a request shows, and its URL without it: whatever else is named so is a parameter of the application's. */
export interface Asked {
  readonly token: string
  readonly rest: string
}

const TOKEN_HEADER = 'x-phoenix-longpoll-token'
const AUTH_TOKEN_HEADER = 'x-phoenix-authtoken'
const PARAM = /[?&]token=([^&#]*)/g

/** The header speaks before the query, and of several parameters the last: Phoenix's client puts its own behind all others. */
export function askedOf({ headers, url = '' }: IncomingMessage): Asked {
  const header = headers[TOKEN_HEADER]
  if (typeof header === 'string') return { token: header, rest: url }
  const last = [...url.matchAll(PARAM)].at(-1)
  if (last === undefined) return { token: '', rest: url }
  const [param, token = ''] = last
  // The character in front of it stays, so that the rest is still a query.
  const start = last.index + 1
  return { token, rest: url.slice(0, start) + url.slice(start + param.length - 1).replace(/^&/, '') }
}

/** The `authToken` of a Phoenix client (1.8). */
export function authTokenOf(headers: IncomingHttpHeaders): string | undefined {
  const token = headers[AUTH_TOKEN_HEADER]
  return typeof token === 'string' ? token : undefined
}
