import assert from 'node:assert/strict'
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { installBuilt } from '../support/built.ts'
import { compile, typescript5, typescript7 } from '../support/compile.ts'
import { holds, promisesOf } from './promises.ts'

// The projects of browsers: with the built package, typebox and the types of React, and without all else that there is on npm.

const CLIENT = 'client/refused.ts'
const REACT = 'react/refused.tsx'

// Most of the time goes into the types of the browser and of typebox, and 5.9 takes four times as long for them: once.
const projects = [
  { compiler: typescript7, name: 'client', files: [CLIENT] },
  { compiler: typescript7, name: 'react', files: [REACT] },
  { compiler: typescript5, name: 'both', files: [CLIENT, REACT] },
]

let project: { folder: string; remove(): void } | undefined

before(async () => {
  project = await installBuilt('typebox', '@types/react')
  const own = fileURLToPath(new URL('projects', import.meta.url))
  for (const name of ['client', 'react', 'both'])
    cpSync(join(own, name), join(project.folder, name), { recursive: true })
})
after(() => project?.remove())

for (const { compiler, name, files } of projects)
  test(`TypeScript ${compiler.name} accepts and refuses in a browser what the project "${name}" says`, async (t) => {
    assert.ok(project)
    const complaints = await compile(compiler, join(project.folder, name))
    const unexpected = complaints.filter(({ file }) => !files.some((refused) => file.endsWith(refused)))
    assert.deepEqual(
      unexpected,
      [],
      'also of the types of the package and of typebox, which skipLibCheck would hide',
    )
    for (const file of files) {
      const promises = promisesOf(`projects/${file}`)
      const refused = complaints.filter((complaint) => complaint.file.endsWith(file))
      for (const promise of promises) holds(promise, refused)
      t.diagnostic(`${promises.length} refusals in ${file}, each with the sentence that is promised`)
    }
  })
