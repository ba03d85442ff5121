import type { FastifyReply, FastifyRequest } from 'fastify'

const SECONDS_OF_PREFLIGHT = '3600'

/**
 * Lets the page of an origin read an answer, with credentials. Only for one that may connect; where every page may, none has
 * credentials.
 */
export function allowOrigin({ headers }: FastifyRequest, reply: FastifyReply, checksOrigin: boolean): void {
  if (!checksOrigin) return void reply.header('access-control-allow-origin', '*')
  const { origin } = headers
  if (origin === undefined) return
  varyByOrigin(reply)
  reply.header('access-control-allow-origin', origin).header('access-control-allow-credentials', 'true')
}

function varyByOrigin(reply: FastifyReply): void {
  const before = String(reply.getHeader('vary') ?? '')
  if (!/\borigin\b/i.test(before)) reply.header('vary', before === '' ? 'origin' : `${before}, origin`)
}

/** The answer to the question of a browser whether a page may send what it is about to. */
export function answerPreflight({ headers }: FastifyRequest, reply: FastifyReply): FastifyReply {
  return reply
    .header('access-control-allow-headers', headers['access-control-request-headers'] ?? '')
    .header('access-control-allow-methods', 'get, post, options')
    .header('access-control-max-age', SECONDS_OF_PREFLIGHT)
    .header('cache-control', 'max-age=0, private, must-revalidate')
    .code(200)
    .send()
}
