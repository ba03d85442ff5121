import { readFile } from 'node:fs/promises'
import type { FastifyInstance } from 'fastify'

const FILES = [
  ['/', new URL('page/index.html', import.meta.url), 'text/html; charset=utf-8'],
  ['/chat.css', new URL('page/chat.css', import.meta.url), 'text/css; charset=utf-8'],
  ['/chat.js', new URL('page/chat.js', import.meta.url), 'text/javascript; charset=utf-8'],
  ['/resume.js', new URL('page/resume.js', import.meta.url), 'text/javascript; charset=utf-8'],
  // The client that everybody else uses, as npm delivers it.
  ['/phoenix.mjs', new URL(import.meta.resolve('phoenix')), 'text/javascript; charset=utf-8'],
] as const

function headers(nodes: readonly string[]): Record<string, string> {
  const connect = ["'self'", ...nodes, ...nodes.map((node) => node.replace('http', 'ws'))].join(' ')
  return {
    'cache-control': 'no-cache',
    'content-security-policy': `default-src 'self'; connect-src ${connect}; img-src data:; base-uri 'none'; frame-ancestors 'none'`,
    'x-content-type-options': 'nosniff',
  }
}

/**
 * Serves the page: five files, read at each request so that a reload shows what was just edited.
 *
 * @param nodes the origins of other nodes, to which it may connect as well
 */
export function servePage(app: FastifyInstance, nodes: readonly string[]): void {
  for (const [path, file, type] of FILES) {
    app.get(path, async (_request, reply) =>
      reply
        .headers(headers(nodes))
        .type(type)
        .send(await readFile(file)),
    )
  }
}
