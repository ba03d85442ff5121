import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('../..', import.meta.url))

/**
 * The facts as one file, for Node and for pages: a module that exports `facts` and `prove`.
 *
 * @param phoenix The package that stands for phoenix.js.
 */
export async function bundleFacts(phoenix: 'phoenix' | 'phoenix-1.7'): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('facts.ts', import.meta.url))],
    bundle: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    write: false,
    logLevel: 'silent',
    alias: {
      phoenix: fileURLToPath(new URL(import.meta.resolve(phoenix))),
      'fastify-beryl/client': `${root}src/client/index.ts`,
      'fastify-beryl/contract': `${root}src/contract/index.ts`,
    },
  })
  return outputFiles[0]?.text ?? ''
}
