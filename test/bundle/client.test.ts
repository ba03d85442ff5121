import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { after, before, test } from 'node:test'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { installBuilt } from '../support/built.ts'
import { bundlers } from '../support/bundlers.ts'

// The client as a page ships it, from the package as npm installs it, beside phoenix.js, which is not counted.

const LIMIT_BYTES = 4130

const uses = {
  client: "export { createClient, ChannelError } from 'fastify-beryl/client'",
  error: "export { ChannelError } from 'fastify-beryl/client'",
  contract: "export { contract } from 'fastify-beryl/contract'",
}

let project: { folder: string; remove(): void } | undefined

before(async () => {
  project = await installBuilt('typebox', 'phoenix')
})
after(() => project?.remove())

function entry(name: keyof typeof uses): string {
  assert.ok(project)
  const file = join(project.folder, `${name}.js`)
  writeFileSync(file, uses[name])
  return file
}

const BESIDE = ['phoenix', 'typebox']

for (const [name, bundle] of Object.entries(bundlers)) {
  test(`${name} ships the whole client in ${LIMIT_BYTES} bytes, minified and compressed`, async (t) => {
    const code = await bundle(entry('client'), BESIDE)
    const bytes = gzipSync(code, { level: 9 }).length
    t.diagnostic(`${code.length} bytes, ${bytes} by gzip, ${brotliCompressSync(code).length} by brotli`)
    assert.ok(bytes <= LIMIT_BYTES, `${bytes} bytes`)
  })

  test(`${name} leaves out all that is not used`, async () => {
    assert.ok(gzipSync(await bundle(entry('error'), BESIDE)).length < 400)
    assert.doesNotMatch(await bundle(entry('error'), BESIDE), /phoenix/)
    assert.ok(gzipSync(await bundle(entry('contract'), BESIDE)).length < 200)
  })
}

test('what is built of the client imports itself and phoenix.js, what is built of the contract typebox', () => {
  assert.deepEqual(foundFrom('client/index.js'), ['phoenix'])
  assert.deepEqual(foundFrom('contract/index.js'), ['typebox'])
})

/** The packages that a built file and all that it imports ask for. */
function foundFrom(start: string): string[] {
  assert.ok(project)
  const dist = join(project.folder, 'node_modules', 'fastify-beryl', 'dist')
  const open = [join(dist, start)]
  const seen = new Set(open)
  const packages = new Set<string>()
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    const code = readFileSync(file, 'utf8')
    assert.doesNotMatch(code, /\bBuffer\b|\bprocess\.|\brequire\(/, file)
    for (const [, name = ''] of code.matchAll(/(?:from|import) ?\(?['"]([^'"]+)['"]/g)) {
      const path = resolve(dirname(file), name)
      if (!name.startsWith('.')) packages.add(name)
      else if (!seen.has(path)) {
        seen.add(path)
        open.push(path)
      }
    }
  }
  return [...packages].sort()
}
