import assert from 'node:assert/strict'
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { installBuilt } from '../support/built.ts'
import { compile, compilers } from '../support/compile.ts'
import { holds, promisesOf } from './promises.ts'

// The projects of browsers: with the built package, typebox and the types of React, and without all else that there is on npm.

const projects = { client: 'refused.ts', react: 'refused.tsx' }

let project: { folder: string; remove(): void } | undefined

before(async () => {
  project = await installBuilt('typebox', '@types/react')
  for (const name of Object.keys(projects))
    cpSync(fileURLToPath(new URL(`projects/${name}`, import.meta.url)), join(project.folder, name), {
      recursive: true,
    })
})
after(() => project?.remove())

for (const compiler of compilers)
  for (const [name, file] of Object.entries(projects))
    test(`TypeScript ${compiler.name} accepts and refuses in a browser what the project "${name}" says`, async (t) => {
      assert.ok(project)
      const complaints = await compile(compiler, join(project.folder, name))
      const refused = complaints.filter((complaint) => complaint.file.endsWith(file))
      assert.deepEqual(
        complaints.filter((complaint) => !refused.includes(complaint)),
        [],
        'also of the types of the package and of typebox, which skipLibCheck would hide',
      )
      const promises = promisesOf(`projects/${name}/${file}`)
      for (const promise of promises) holds(promise, refused)
      t.diagnostic(`${promises.length} refusals, each with the sentence that is promised`)
    })
