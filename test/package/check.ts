// `npm run check:package`: packs the package as npm would publish it, and proves that what comes out can be used.
import assert from 'node:assert/strict'
import { type ExecFileSyncOptions, execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { need } from '../support/need.ts'
import { requirePackage, servesAndDrains } from './commonjs.ts'
import { checkKit } from './kit.ts'
import { checkPages } from './pages.ts'
import { pasteReadme } from './readme.ts'
import { tryPackage } from './trial.ts'
import { checkCommonJs, checkCompilers, compilers } from './type-checkers.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const consumer = fileURLToPath(new URL('consumer', import.meta.url))
const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

const work = mkdtempSync(join(tmpdir(), 'fastify-beryl-'))
try {
  const tarball = pack()
  lint(tarball)
  install(tarball)
  checkContent(join(work, 'node_modules', 'fastify-beryl'))
  await checkCompilers(work)
  assert.equal(run(process.execPath, ['smoke.mjs']).trim(), 'ok')
  done('the packed package runs on plain Node')
  await requirePackage(work)
  done('the packed package is required by CommonJS')
  await servesAndDrains(await checkCommonJs(work), 'server.cjs')
  done('a server that TypeScript compiled to CommonJS runs and drains')
  checkKit(work)
  await tryPackage(tarball, devDependencies, done)
  const { skip } = need('chromium')
  if (skip === false) await pasteReadme(tarball)
  done(`the five minutes of the README work, pasted into an empty folder${skip ? ` # SKIP ${skip}` : ''}`)
} finally {
  rmSync(work, { recursive: true, force: true })
}

function pack(): string {
  run('npm', ['run', 'build'], { cwd: root })
  run('npm', ['pack', '--ignore-scripts', '--pack-destination', work], { cwd: root })
  const tarball = readdirSync(work).find((file) => file.endsWith('.tgz'))
  assert.ok(tarball)
  return join(work, tarball)
}

function lint(tarball: string): void {
  run('npx', ['--no', '--', 'publint', 'run', tarball, '--strict'], { cwd: root })
  done('publint has nothing to say')
  run('npx', ['--no', '--', 'attw', tarball, '--profile', 'esm-only'], { cwd: root })
  done('attw finds the types of every entry point')
}

/** An application in a folder of its own, with nothing but what it asks for. */
function install(tarball: string): void {
  cpSync(consumer, work, { recursive: true })
  const versions = [
    'fastify',
    'typebox',
    'ws',
    '@types/node',
    '@redis/client',
    '@nats-io/transport-node',
    'phoenix',
    'prom-client',
  ]
  writeFileSync(
    join(work, 'package.json'),
    JSON.stringify({
      private: true,
      type: 'module',
      dependencies: {
        ...Object.fromEntries(versions.map((name) => [name, devDependencies[name] ?? '*'])),
        ...compilers,
        'fastify-beryl': `file:${tarball}`,
      },
    }),
  )
  run('npm', ['install', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund'])
}

/** Compiled code with its types, and the pages: nothing else, and no map to sources that are not there. */
function checkContent(folder: string): void {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true })
  const files = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
  const beside = files
    .filter((file) => !/\/dist\/.+(\.js|\.d\.ts)$/.test(file))
    .map((file) => file.slice(folder.length + 1))
  const pages = checkPages(folder)
  done(`${pages.length} pages are packed, and their links lead to what is packed`)
  const others = beside.filter((file) => !pages.includes(file) && !file.startsWith('docs/images/'))
  assert.deepEqual(others.sort(), ['LICENSE', 'docs/asyncapi.example.json', 'package.json'])
  for (const file of files) {
    assert.ok(!readFileSync(file, 'utf8').includes('sourceMapp' + 'ingURL'), `${file} points to a source map`)
  }
  done(`${files.length} files are packed: dist, pages, LICENSE, package.json`)
}

function run(program: string, args: string[], options: ExecFileSyncOptions = {}): string {
  try {
    return String(execFileSync(program, args, { cwd: work, stdio: 'pipe', ...options }))
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: Buffer; stderr?: Buffer }
    throw new Error(`${program} ${args.join(' ')}\n${stdout ?? ''}${stderr ?? ''}`, { cause: error })
  }
}

function done(fact: string): void {
  console.log(`ok - ${fact}`)
}
