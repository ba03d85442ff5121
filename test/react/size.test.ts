import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { installBuilt } from '../support/built.ts'
import { bundlers } from '../support/bundlers.ts'

// The hooks as a page ships them, from the package as npm installs it, beside react and the client, which are not counted.

const LIMIT_BYTES = 1000

let project: { folder: string; remove(): void } | undefined

before(async () => {
  project = await installBuilt()
})
after(() => project?.remove())

for (const [name, bundle] of Object.entries(bundlers))
  test(`R12 the hooks are ${LIMIT_BYTES} bytes at the most, minified by ${name} and compressed`, async (t) => {
    assert.ok(project)
    const file = join(project.folder, 'hooks.js')
    writeFileSync(file, "export { useChannel, useEvent, usePresence } from 'fastify-beryl/react'")
    const code = await bundle(file, ['react'])
    const bytes = gzipSync(code, { level: 9 }).length
    t.diagnostic(`${code.length} bytes, ${bytes} compressed`)
    assert.ok(bytes <= LIMIT_BYTES, `${bytes} bytes`)
  })

test('R12 what is built of the hooks imports itself and react', () => {
  assert.ok(project)
  const folder = join(project.folder, 'node_modules', 'fastify-beryl', 'dist', 'react')
  const imported = readdirSync(folder)
    .filter((file) => file.endsWith('.js'))
    .flatMap((file) => [
      ...readFileSync(join(folder, file), 'utf8').matchAll(/(?:from|import) ?\(?'([^']+)'/g),
    ])
  assert.deepEqual([...new Set(imported.map(([, name]) => name))].sort(), ['./seat.js', 'react'])
})
