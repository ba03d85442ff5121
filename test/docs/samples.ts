import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { declarations } from '../support/declarations.ts'

// The convention of samples is told in docs/README.md.

export const root = fileURLToPath(new URL('../..', import.meta.url))

/** A fenced block of a page. */
export interface Sample {
  readonly language: string
  /** The words behind the language: `run`, `skip`. */
  readonly marks: readonly string[]
  /** The file that the block's first line names. */
  readonly name: string | undefined
  readonly code: string
  /** The line of the page on which the block begins. */
  readonly line: number
  /** The line right above the block. */
  readonly above: string
  /** The output that the page shows: a block of text that follows. */
  readonly output: string | undefined
}

const FENCE = /^```(\w*)([^\n]*)\n(.*?)^```$/gms
const NAME = /^\/\/ ((?:[\w-]+\/)*[\w.-]+\.(?:tsx?|js|cjs|cts|json))\n/

/** The pages that hold samples, as paths from the root. */
export function pages(): string[] {
  const docs = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
  return ['README.md', ...docs.filter((file) => file.endsWith('.md')).map((file) => `docs/${file}`)].sort()
}

export function samplesOf(page: string): Sample[] {
  const text = readFileSync(join(root, page), 'utf8')
  const blocks = [...text.matchAll(FENCE)]
  return blocks.map((block, index) => {
    const [all, language = '', marks = '', code = ''] = block
    const next = blocks[index + 1]
    const between = next && text.slice(block.index + all.length, next.index)
    return {
      language,
      marks: marks.split(' ').filter((mark) => mark !== ''),
      name: NAME.exec(code)?.[1],
      code,
      line: text.slice(0, block.index).split('\n').length,
      above: text.slice(0, block.index).trimEnd().split('\n').at(-1) ?? '',
      output: next?.[1] === 'text' && between?.trim() === '' ? next[3] : undefined,
    }
  })
}

/**
 * Writes the samples of a guide into a folder of their own: every fenced block of TypeScript or JavaScript that begins
 * with a comment which names a file. They import the package by its name, as a reader would.
 */
export function extractSamples(guide: string): { folder: string; files: string[] } {
  const folder = emptyFolder('docs', guide)
  const files: string[] = []
  for (const { language, name, code } of samplesOf(`docs/${guide}.md`)) {
    if (!['ts', 'tsx', 'js'].includes(language) || name === undefined) continue
    writeSample(folder, name, code)
    files.push(name)
  }
  return { folder, files }
}

/** Writes a file of a page, in the folder below `folder` that its name says. */
export function writeSample(folder: string, name: string, code: string): void {
  mkdirSync(dirname(join(folder, name)), { recursive: true })
  writeFileSync(join(folder, name), code)
}

/** A folder for the samples of one page, three levels below the root. */
export function emptyFolder(kind: string, page: string): string {
  const folder = join(root, '.tmp', kind, basename(page, '.md'))
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  return folder
}

export function importSample(folder: string, file: string): Promise<unknown> {
  return import(pathToFileURL(join(folder, file)).href)
}

/** Where `tsc` finds the samples: their own project, as strict as the project itself. */
export function writeProject(
  folder: string,
  { name = 'tsconfig.json', include = ['*.ts'], options = {}, runs = false }: ProjectOptions = {},
): string {
  const up = '../../..'
  const project = join(folder, name)
  writeFileSync(
    project,
    JSON.stringify({
      extends: `${up}/tsconfig.json`,
      compilerOptions: {
        paths: runs ? sources() : declared(),
        typeRoots: [`${up}/node_modules/@types`],
        // Nest's decorators are those.
        experimentalDecorators: true,
        ...options,
      },
      include,
      exclude: [],
    }),
  )
  return project
}

/** The sources of the package: what is run needs more than types. */
function sources(): Record<string, string[]> {
  const { compilerOptions } = JSON.parse(readFileSync(join(root, 'tsconfig.json'), 'utf8'))
  return Object.fromEntries(
    Object.entries<string[]>(compilerOptions.paths).map(([entry, targets]) => [
      entry,
      targets.map((target) => join(root, target)),
    ]),
  )
}

let paths: Record<string, string[]> | undefined

/** The types of the package, emitted once for a file of tests. */
function declared(): Record<string, string[]> {
  paths ??= declarations(basename(process.argv[1] ?? '', '.test.ts'))
  return paths
}

interface ProjectOptions {
  readonly name?: string
  /** True where it is for running them: that takes the sources. */
  readonly runs?: boolean
  readonly include?: readonly string[]
  readonly options?: object
}
