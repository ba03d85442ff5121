import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { build } from 'esbuild'
import { extractSamples } from './samples.ts'

// The contract of docs/channels.md, which stands alone.

const { folder } = extractSamples('channels')

/** The files that a browser would be given of a module that is written here. */
async function bundled(contents: string): Promise<string[]> {
  const { metafile } = await build({
    stdin: { contents, resolveDir: folder, sourcefile: 'client.ts', loader: 'ts' },
    bundle: true,
    platform: 'browser',
    format: 'esm',
    write: false,
    metafile: true,
    logLevel: 'silent',
  })
  const [output] = Object.values(metafile.outputs)
  assert.deepEqual(output?.imports, [], 'nothing is left to be found at run time')
  return Object.keys(output?.inputs ?? {})
}

const isTypebox = (file: string): boolean => /(^|\/)node_modules\/typebox\//.test(file)

for (const [how, source] of Object.entries({
  'as the page writes it': '',
  'checked at once by `satisfies ChannelSchema`':
    "import type { ChannelSchema } from 'fastify-beryl'\nnotes satisfies ChannelSchema\n",
})) {
  test(`a browser that shares a contract, ${how}, is given typebox and nothing else`, async () => {
    const own = ['client.ts', 'contract.ts']
    const files = await bundled(
      `${source}import { notes, type Written } from './contract.ts'
      export const show = ({ by }: Written) => by
      export const events = Object.keys(notes.in)`,
    )
    assert.ok(files.some(isTypebox))
    const others = files.filter((file) => !isTypebox(file))
    assert.deepEqual(
      others.map((file) => join('/', file).split('/').at(-1)),
      own.reverse(),
    )
  })
}

test('a channel itself brings the server with it, which a browser has no use for', async () => {
  await assert.rejects(bundled("export { notes } from './notes.ts'"), /node:|fastify-beryl/)
})
