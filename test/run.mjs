// Runs the tests: `node test/run.mjs [path prefix…]`, for example `node test/run.mjs unit property/presence`.
// node:test does the work; this only finds the files (Node 20's --test takes no globs) and adds the TypeScript loader.
import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = fileURLToPath(new URL('.', import.meta.url))
const wanted = process.argv.slice(2).filter((argument) => !argument.startsWith('-'))
const flags = process.argv.slice(2).filter((argument) => argument.startsWith('-'))

const files = readdirSync(here, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith('.test.ts'))
  .map((entry) => relative(here, join(entry.parentPath, entry.name)))
  .filter((file) => wanted.length === 0 || wanted.some((prefix) => file.startsWith(prefix)))
  .sort()

if (files.length === 0) {
  console.error(`no test file begins with ${wanted.join(' or ')}`)
  process.exit(1)
}

spawn(
  process.execPath,
  [
    '--import',
    'tsx',
    '--import',
    new URL('support/deadline.mjs', import.meta.url).href,
    '--expose-gc',
    '--test',
    // Many wait for browsers and brokers most of the time: on two cores, two at a time would leave a quarter of them idle.
    '--test-concurrency=3',
    // This one says again at its end what failed: a long output may be cut before it.
    '--test-reporter=spec',
    ...flags,
    ...files.map((file) => join(here, file)),
  ],
  { stdio: 'inherit' },
).on('exit', (code) => process.exit(code ?? 1))
