import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type Compiler, type Complaint, compile, compilers } from '../support/compile.ts'
import { holds, promisesOf } from './promises.ts'

// Compiles the projects beside this file: `accepted.ts` without a complaint, `refused.ts` with exactly those that the
// comments in it promise.

const projects = ['channels', 'registered', 'modules', 'unregistered', 'testing']

for (const compiler of compilers) {
  for (const project of projects) {
    test(`TypeScript ${compiler.name} accepts and refuses what the project "${project}" says`, async (t) => {
      const complaints = await complaintsOf(compiler, project)
      assert.deepEqual(complaints('accepted.ts'), [])
      const promises = promisesOf(`projects/${project}/refused.ts`)
      assert.ok(promises.length > 5)
      for (const promise of promises) holds(promise, complaints('refused.ts'))
      t.diagnostic(`${promises.length} refusals, each with the sentence that is promised`)
    })
  }
}

async function complaintsOf(compiler: Compiler, project: string): Promise<(file: string) => Complaint[]> {
  const all = await compile(compiler, fileURLToPath(new URL(`projects/${project}`, import.meta.url)))
  return (file) => all.filter((complaint) => complaint.file.endsWith(`/${file}`))
}
