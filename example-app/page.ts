import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import type { FastifyInstance } from 'fastify'

const FILES = [
  ['/', new URL('page/index.html', import.meta.url), 'text/html; charset=utf-8'],
  ['/chat.css', new URL('page/chat.css', import.meta.url), 'text/css; charset=utf-8'],
  ['/chat.js', new URL('page/chat.js', import.meta.url), 'text/javascript; charset=utf-8'],
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
 * Serves the page: three files, read at each request so that a reload shows what was just edited, and the client.
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
  let client: Promise<string> | undefined
  app.get('/client.js', async (_request, reply) => {
    client ??= bundleClient()
    return reply
      .headers(headers(nodes))
      .type('text/javascript; charset=utf-8')
      .send(await client)
  })
}

/** The typed client with phoenix.js, in one file. An application bundles its page, and `fastify-beryl/client` with it. */
async function bundleClient(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('../src/client/index.ts', import.meta.url))],
    bundle: true,
    format: 'esm',
    write: false,
  })
  return outputFiles[0]?.text ?? ''
}
