import assert from 'node:assert/strict'
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { installBuilt } from '../support/built.ts'
import { compile, compilers } from '../support/compile.ts'
import { holds, promisesOf } from './promises.ts'

// The project "client" as a browser's: with the built package and typebox, and without all else that there is on npm.

let project: { folder: string; remove(): void } | undefined

before(async () => {
  project = await installBuilt('typebox')
  cpSync(fileURLToPath(new URL('projects/client', import.meta.url)), join(project.folder, 'client'), {
    recursive: true,
  })
})
after(() => project?.remove())

for (const compiler of compilers) {
  test(`TypeScript ${compiler.name} accepts and refuses in a browser what the project "client" says`, async (t) => {
    assert.ok(project)
    const complaints = await compile(compiler, join(project.folder, 'client'))
    const refused = complaints.filter(({ file }) => file.endsWith('refused.ts'))
    assert.deepEqual(
      complaints.filter((complaint) => !refused.includes(complaint)),
      [],
      'also of the types of the package and of typebox, which skipLibCheck would hide',
    )
    const promises = promisesOf('projects/client/refused.ts')
    for (const promise of promises) holds(promise, refused)
    t.diagnostic(`${promises.length} refusals, each with the sentence that is promised`)
  })
}
