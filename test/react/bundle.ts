import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** A program of the page as one script, with the hooks and the client of the sources. */
export async function bundlePage(file: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [file],
    bundle: true,
    format: 'iife',
    platform: 'browser',
    target: 'es2022',
    jsx: 'automatic',
    // React says what is wrong only so.
    define: { 'process.env.NODE_ENV': '"development"' },
    nodePaths: [`${root}node_modules`],
    alias: {
      'fastify-beryl/react': `${root}src/react/index.ts`,
      'fastify-beryl/client': `${root}src/client/index.ts`,
      'fastify-beryl/contract': `${root}src/contract/index.ts`,
    },
    write: false,
    logLevel: 'silent',
  })
  return outputFiles[0]?.text ?? ''
}
