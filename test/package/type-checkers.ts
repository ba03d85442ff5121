import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { samplesOf } from '../docs/samples.ts'

// The compilers that users of the package have, over the application in test/package/consumer.

/** By the name under which npm installs them there. TypeScript 5.4 is in no other folder: a third `tsc` would hide the first. */
export const compilers = {
  'typescript-5.4': 'npm:typescript@~5.4',
  'typescript-5.9': 'npm:typescript@~5.9',
  typescript: '^7.0.2',
}

type Compiler = keyof typeof compilers

const MODULES = { node16: 'node16', nodenext: 'nodenext', bundler: 'esnext' }

/** Under `skipLibCheck: false` the types of this one complain of themselves, as docs/channels.md says. */
const STRANGER = 'node_modules/@nats-io/'

/** Compiles the application with each compiler, all at the same time, and each way to find modules. */
export async function checkCompilers(folder: string): Promise<void> {
  await Promise.all((Object.keys(compilers) as Compiler[]).map((compiler) => checkCompiler(folder, compiler)))
}

async function checkCompiler(folder: string, compiler: Compiler): Promise<void> {
  for (const [moduleResolution, module] of Object.entries(MODULES)) {
    const flags = ['--module', module, '--moduleResolution', moduleResolution]
    await compiles(folder, compiler, ['-p', '.', ...flags])
    console.log(`ok - an application compiles with ${compiler}, moduleResolution ${moduleResolution}`)
  }
}

/** Compiles the same application to CommonJS with the settings of docs/recipes.md, and runs what comes out. */
export async function checkCommonJs(folder: string): Promise<string> {
  const sources = join(folder, 'commonjs')
  mkdirSync(sources)
  // Without `"type": "module"` sources are CommonJS.
  writeFileSync(join(sources, 'package.json'), '{ "private": true }')
  for (const file of ['app.ts', 'entries.ts']) cpSync(join(folder, file), join(sources, file))
  for (const name of ['tsconfig.json', 'server.cts']) writeFileSync(join(sources, name), recipe(name))
  const strict = ['--exactOptionalPropertyTypes', '--noUncheckedIndexedAccess', '--skipLibCheck', 'false']
  for (const compiler of ['typescript', 'typescript-5.9'] as const) {
    await compiles(folder, compiler, ['-p', 'commonjs', ...strict])
    assert.equal(String(execFileSync(process.execPath, ['entries.js'], { cwd: sources })).trim(), 'ok')
    console.log(`ok - every entry point is used by CommonJS that ${compiler} compiled`)
  }
  await refusesOldCompilers(folder)
  return sources
}

/** Checks the words of the recipe on older compilers. */
async function refusesOldCompilers(folder: string): Promise<void> {
  const complaints = await complaintsOf(folder, 'typescript-5.4', ['-p', 'commonjs', '--noEmit'])
  assert.ok(complaints.some((complaint) => complaint.includes('TS1479')))
}

function recipe(file: string): string {
  const sample = samplesOf('docs/recipes.md').find(({ name }) => name === file)
  assert.ok(sample, `docs/recipes.md shows no ${file}`)
  return sample.code
}

async function compiles(folder: string, compiler: Compiler, flags: readonly string[]): Promise<void> {
  assert.deepEqual(await complaintsOf(folder, compiler, flags), [], `${compiler} ${flags.join(' ')}`)
}

/** The complaints of a compiler, but for those about the package that is known to complain. */
function complaintsOf(cwd: string, compiler: Compiler, flags: readonly string[]): Promise<string[]> {
  const command = [`node_modules/${compiler}/bin/tsc`, '--pretty', 'false', ...flags]
  return new Promise((resolve) => {
    execFile(process.execPath, command, { cwd }, (_, stdout, stderr) => {
      const lines = `${stdout}${stderr}`.split('\n').filter((line) => /^\S/.test(line))
      resolve(lines.filter((line) => !line.startsWith(STRANGER)))
    })
  })
}
