import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { bundleServer, reacts } from './bundle.ts'

for (const [version, react] of Object.entries(reacts))
  test(`R11 on a server the hooks of ${version} show a topic that is joining, and nothing happens`, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'beryl-react-'))
    t.after(() => rmSync(folder, { recursive: true }))
    const file = join(folder, 'page.cjs')
    writeFileSync(file, await bundleServer(fileURLToPath(new URL('server-page.ts', import.meta.url)), react))
    const { render }: typeof import('./server-page.ts') = await import(pathToFileURL(file).href)
    assert.deepEqual(await render(), {
      version,
      html: '<p>joining undefined undefined 0</p>',
      connections: 0,
      heard: 0,
      state: 'connecting',
    })
  })
