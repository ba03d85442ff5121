import { fileURLToPath } from 'node:url'
import { type BuildOptions, build } from 'esbuild'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** The packages of the versions that the hooks are for. */
export const reacts = { 'React 19': 'react', 'React 18': 'react-18' } as const
export type React = (typeof reacts)[keyof typeof reacts]

/** A program of the page as one script, with the hooks and the client of the sources. */
export function bundlePage(file: string, react: React): Promise<string> {
  return bundle(file, react, { format: 'iife', platform: 'browser' })
}

/** A program that renders on a server, as one CommonJS module. */
export function bundleServer(file: string, react: React): Promise<string> {
  return bundle(file, react, { format: 'cjs', platform: 'node' })
}

async function bundle(
  file: string,
  react: React,
  options: Pick<BuildOptions, 'format' | 'platform'>,
): Promise<string> {
  const { outputFiles } = await build({
    ...options,
    entryPoints: [file],
    bundle: true,
    target: 'es2022',
    jsx: 'automatic',
    // React says what is wrong only so.
    define: { 'process.env.NODE_ENV': '"development"' },
    absWorkingDir: root,
    nodePaths: [`${root}node_modules`],
    alias: {
      ...(react === 'react' ? {} : { react, 'react-dom': react.replace('react', 'react-dom') }),
      'fastify-beryl/react': `${root}src/react/index.ts`,
      'fastify-beryl/client': `${root}src/client/index.ts`,
      'fastify-beryl/contract': `${root}src/contract/index.ts`,
    },
    write: false,
    logLevel: 'silent',
  })
  return outputFiles[0]?.text ?? ''
}
