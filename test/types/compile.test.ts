import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type Compiler, type Complaint, compile, compilers } from '../support/compile.ts'
import { declarations } from '../support/declarations.ts'
import { holds, promisesOf } from './promises.ts'

// Compiles the projects beside this file: `accepted.ts` without a complaint, `refused.ts` with exactly those that the
// comments in it promise.

const projects = ['channels', 'registered', 'modules', 'unregistered', 'testing']

for (const compiler of compilers) {
  for (const project of projects) {
    test(`TypeScript ${compiler.name} accepts and refuses what the project "${project}" says`, async (t) => {
      const complaints = await complaintsOf(compiler, project)
      for (const file of ['accepted.ts', 'both-sides.ts']) assert.deepEqual(complaints(file), [])
      const promises = promisesOf(`projects/${project}/refused.ts`)
      assert.ok(promises.length > 5)
      for (const promise of promises) holds(promise, complaints('refused.ts'))
      t.diagnostic(`${promises.length} refusals, each with the sentence that is promised`)
    })
  }
}

async function complaintsOf(compiler: Compiler, project: string): Promise<(file: string) => Complaint[]> {
  const all = await compile(compiler, withDeclarations(project))
  return (file) => all.filter((complaint) => complaint.file.endsWith(`/${file}`))
}

const paths = declarations('types')
const folder = fileURLToPath(new URL('../../.tmp/types', import.meta.url))
const typeRoots = fileURLToPath(new URL('../../node_modules/@types', import.meta.url))
mkdirSync(folder, { recursive: true })

/** The project as its author sees it, but with the types that users get. */
function withDeclarations(project: string): string {
  const file = join(folder, `${project}.json`)
  const own = fileURLToPath(new URL(`projects/${project}/tsconfig.json`, import.meta.url))
  writeFileSync(file, JSON.stringify({ extends: own, compilerOptions: { paths, typeRoots: [typeRoots] } }))
  return file
}
