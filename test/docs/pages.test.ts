import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type Complaint, compile, typescript7 } from '../support/compile.ts'
import { emptyFolder, pages, root, type Sample, samplesOf, writeProject, writeSample } from './samples.ts'

// Every page of the docs: its samples compile, those that are marked run, and its links lead somewhere.

const run = promisify(execFile)
const globals = fileURLToPath(new URL('fragment-globals.d.ts', import.meta.url))

for (const page of pages()) {
  const samples = samplesOf(page)
  const typed = samples.filter(({ language, marks }) => /^tsx?$/.test(language) && !marks.includes('skip'))
  if (typed.length > 0)
    test(`the ${typed.length} samples of TypeScript in ${page} compile`, () => check(page, typed))

  const marked = typed.filter(({ marks }) => marks.includes('run'))
  for (const sample of marked)
    test(`the sample of ${page}, line ${sample.line}, runs`, () => runs(page, typed, sample))

  const scripts = samples.filter(({ language }) => language === 'js')
  if (scripts.length > 0)
    test(`the ${scripts.length} samples of JavaScript in ${page} parse`, () => parse(page, scripts))

  test(`each sample of ${page} is of a known kind, and one that is skipped says why`, () => {
    for (const { language, marks, above, line } of samples) {
      assert.match(
        language,
        /^(|tsx?|js|sh|json|html|css|text|mermaid|nginx|haproxy|caddyfile|dockerfile|elixir|yaml|py)$/,
        `line ${line}`,
      )
      for (const mark of marks) assert.match(mark, /^(run|skip)$/, `line ${line}`)
      if (marks.includes('skip')) assert.match(above, /^<!-- skipped: .+ -->$/, `line ${line}`)
    }
  })

  test(`the links of ${page} lead somewhere`, () => {
    for (const [target = '', anchor] of linksOf(page)) {
      const file = target === '' ? page : join(dirname(page), target)
      assert.ok(existsSync(join(root, file)), target)
      if (anchor !== undefined) assert.ok(anchorsOf(file).includes(anchor), `${target}#${anchor}`)
    }
  })
}

async function check(page: string, samples: readonly Sample[]): Promise<void> {
  const folder = write(emptyFolder('pages', page), samples)
  const named = samples.filter(({ name }) => name !== undefined)
  const fragments = samples.filter(({ name }) => name === undefined)
  const projects = []
  const options = samples.some(({ language }) => language === 'tsx') ? PAGE : {}
  if (named.length > 0) projects.push(writeProject(folder, { include: named.map(fileOf), options }))
  if (fragments.length > 0) projects.push(writeFragments(folder, fragments, options))
  const complaints = await Promise.all(projects.map((project) => compile(typescript7, project)))
  // The sources have a check of their own.
  const own = complaints.flat().filter(({ file }) => file.includes('.tmp/'))
  assert.equal(own.map(show).join('\n'), '')
}

/** The options of a page, which has the browser's names beside Node's. */
const PAGE = { jsx: 'react-jsx', lib: ['es2023', 'dom', 'dom.iterable'] }

function writeFragments(folder: string, fragments: readonly Sample[], options: object): string {
  copyFileSync(globals, join(folder, 'globals.d.ts'))
  return writeProject(folder, {
    name: 'tsconfig.fragments.json',
    include: ['globals.d.ts', ...fragments.map(fileOf)],
    options: { ...options, noUnusedLocals: false, noUnusedParameters: false },
  })
}

function write(folder: string, samples: readonly Sample[]): string {
  for (const sample of samples) {
    // A fragment is a module, too, so that no two of them share their names.
    const end = sample.name === undefined ? '\nexport {}\n' : ''
    writeSample(folder, fileOf(sample), sample.code + end)
  }
  return folder
}

function fileOf({ name, line, language }: Sample): string {
  return name ?? `line-${line}.${language}`
}

function show({ file, line, text }: Complaint): string {
  return `${file}:${line}: ${text}`
}

async function runs(page: string, all: readonly Sample[], sample: Sample): Promise<void> {
  const folder = write(emptyFolder('runs', `${page}-${sample.line}`), all)
  const { stdout } = await run(process.execPath, ['--import', 'tsx', join(folder, fileOf(sample))], {
    cwd: root,
    timeout: 60_000,
  })
  if (sample.output !== undefined) assert.equal(stdout, sample.output)
}

async function parse(page: string, samples: readonly Sample[]): Promise<void> {
  const folder = emptyFolder('scripts', page)
  for (const { code, line } of samples) {
    const file = join(folder, `line-${line}.mjs`)
    writeFileSync(file, code)
    await run(process.execPath, ['--check', file])
  }
}

/** The links of a page to files of the project and to headings: path and anchor. */
function linksOf(page: string): string[][] {
  const targets = [...proseOf(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target)
  return targets.filter((target) => !/^(https?:|mailto:)/.test(target)).map((target) => target.split('#'))
}

/** The anchors that a reader of Markdown makes of the headings. */
function anchorsOf(page: string): string[] {
  return [...proseOf(page).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-'),
  )
}

function proseOf(page: string): string {
  return readFileSync(join(root, page), 'utf8').replace(/^```.*?^```$/gms, '')
}
