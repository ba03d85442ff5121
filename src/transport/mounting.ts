import type { FastifyInstance, FastifyRequest } from 'fastify'
import { addressOf, PATH_END, PATH_END_OR_SEMICOLON, type PathEnd, redactUrl } from './handshake.ts'

// The parts of a route that all transports have in common.

/** Tokens travel in the query, and logs are read by many. */
export const logSerializers = {
  req: (request: FastifyRequest) => ({
    method: request.method,
    url: redactUrl(request.url),
    ip: addressOf(request),
  }),
}

/** Where the path of a URL ends for the router of an application. */
export function pathEndOf(app: FastifyInstance): PathEnd {
  const { useSemicolonDelimiter, routerOptions } = app.initialConfig as {
    useSemicolonDelimiter?: boolean
    routerOptions?: { useSemicolonDelimiter?: boolean }
  }
  const either = useSemicolonDelimiter || routerOptions?.useSemicolonDelimiter
  return either ? PATH_END_OR_SEMICOLON : PATH_END
}

/** The URLs of a route: a slash behind it changes nothing. */
export function withTrailingSlash(app: FastifyInstance, url: string): string[] {
  const { ignoreTrailingSlash, routerOptions } = app.initialConfig as {
    ignoreTrailingSlash?: boolean
    routerOptions?: { ignoreTrailingSlash?: boolean }
  }
  return ignoreTrailingSlash || routerOptions?.ignoreTrailingSlash ? [url] : [url, `${url}/`]
}
