import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

/**
 * Writes the samples of a guide into a folder of their own: every fenced block of TypeScript that begins with a comment
 * which names a file. They import the package by its name, as a reader would.
 */
export function extractSamples(guide: string): { folder: string; files: string[] } {
  const text = readFileSync(join(root, 'docs', `${guide}.md`), 'utf8')
  const folder = join(root, '.tmp', 'docs', guide)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const files: string[] = []
  for (const [, name, code] of text.matchAll(/^```ts\n\/\/ ([\w-]+\.ts)\n(.*?)^```$/gms)) {
    if (name === undefined || code === undefined) continue
    writeFileSync(join(folder, name), code)
    files.push(name)
  }
  return { folder, files }
}

export function importSample(folder: string, file: string): Promise<unknown> {
  return import(pathToFileURL(join(folder, file)).href)
}

/** Where `tsc` finds the samples: their own project, as strict as the project itself. */
export function writeProject(folder: string): string {
  const project = join(folder, 'tsconfig.json')
  const up = '../../..'
  writeFileSync(
    project,
    JSON.stringify({
      extends: `${up}/tsconfig.json`,
      compilerOptions: {
        paths: { 'fastify-beryl': [`${up}/src/index.ts`] },
        typeRoots: [`${up}/node_modules/@types`],
      },
      include: ['*.ts'],
    }),
  )
  return project
}
