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
  const typed = typedOf(page)
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
  const named = samples.filter(({ name }) => name !== undefined)
  const complaints = await Promise.all([
    named.length === 0 ? [] : complaintsOfNamed(page, named),
    named.length === samples.length ? [] : complaintsOfFragments(page),
  ])
  assert.equal(complaints.flat().map(show).join('\n'), '')
}

/** The options of a page, which has the browser's names beside Node's. */
const PAGE = { jsx: 'react-jsx', lib: ['es2023', 'dom', 'dom.iterable'] }

/** Of samples that name their files: each page is a program of its own. */
function complaintsOfNamed(page: string, samples: readonly Sample[]): Promise<Complaint[]> {
  const folder = write(emptyFolder('pages', page), samples)
  const options = isOfPages(samples) ? PAGE : {}
  return complaintsOf(writeProject(folder, { include: samples.map(fileOf), options }))
}

/** The sources have a check of their own. */
async function complaintsOf(project: string): Promise<Complaint[]> {
  const complaints = await compile(typescript7, project)
  return complaints.filter(({ file }) => file.includes('.tmp/'))
}

let ofFragments: Promise<Complaint[]> | undefined

async function complaintsOfFragments(page: string): Promise<Complaint[]> {
  ofFragments ??= compileFragments()
  return (await ofFragments).filter(({ file }) => file.includes(`/${fragmentFolder(page)}/`))
}

/** Those of all pages share a program, with names that they need not import. */
async function compileFragments(): Promise<Complaint[]> {
  const folders = { server: emptyFolder('fragments', 'server'), page: emptyFolder('fragments', 'page') }
  for (const page of pages()) {
    const samples = typedOf(page)
    const folder = join(folders[isOfPages(samples) ? 'page' : 'server'], fragmentFolder(page))
    write(
      folder,
      samples.filter(({ name }) => name === undefined),
    )
  }
  const projects = Object.entries(folders).map(([kind, folder]) => {
    copyFileSync(globals, join(folder, 'globals.d.ts'))
    const options = { ...(kind === 'page' ? PAGE : {}), noUnusedLocals: false, noUnusedParameters: false }
    return complaintsOf(writeProject(folder, { include: ['**/*.ts', '**/*.tsx'], options }))
  })
  return (await Promise.all(projects)).flat()
}

function fragmentFolder(page: string): string {
  return page.replaceAll('/', '-').replace('.md', '')
}

function typedOf(page: string): Sample[] {
  return samplesOf(page).filter(({ language, marks }) => /^tsx?$/.test(language) && !marks.includes('skip'))
}

function isOfPages(samples: readonly Sample[]): boolean {
  return samples.some(({ language }) => language === 'tsx')
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
