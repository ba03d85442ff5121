import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

// Holds src to the layers that the table in src/README.md gives to each folder and file.

const src = fileURLToPath(new URL('../../src', import.meta.url))

const files = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .sort()

const sources = new Map(files.map((file) => [file, readFileSync(join(src, file), 'utf8')]))

/** What each file of src imports, types included: files of src by their path, everything else by its name. */
const imports = new Map(files.map((file) => [file, importsOf(file)]))

function importsOf(file: string): string[] {
  const specifiers = [...code(file).matchAll(/^(?:(?:import|export)\b[^'";]* from|import) '([^']+)'$/gm)]
  return specifiers.map(([, name = '']) =>
    name.startsWith('.') ? relative(src, resolve(src, dirname(file), name)) : name,
  )
}

function code(file: string): string {
  return sources.get(file) ?? ''
}

/** A file stands in the layer of the longest path in the table that begins its own. */
function layerOf(file: string): number | undefined {
  const matching = [...table.keys()].filter(
    (path) => file === path || (path.endsWith('/') && file.startsWith(path)),
  )
  return table.get(matching.sort((a, b) => b.length - a.length)[0] ?? '')
}

const table = new Map(
  [...readFileSync(join(src, 'README.md'), 'utf8').matchAll(/^\| (\d) [^|]*\|[^|]*\| (.*) \|$/gm)].flatMap(
    ([, layer, paths = '']) =>
      [...paths.matchAll(/`([^`]+)`/g)].map(([, path = '']) => [path, Number(layer)] as const),
  ),
)

test('each file of src has a layer, and the table names nothing that is not there', () => {
  assert.deepEqual(
    files.filter((file) => layerOf(file) === undefined),
    [],
  )
  assert.deepEqual(
    [...table.keys()].filter((path) => !files.some((file) => file === path || file.startsWith(path))),
    [],
  )
})

test('a file imports its own layer or lower, types included', (t) => {
  const upwards = edges().filter(([file, imported]) => layer(file) < layer(imported))
  assert.deepEqual(upwards.map(show), [])
  t.diagnostic(`${edges().length} imports between ${files.length} files`)
})

test('the ground imports nothing of the project', () => {
  assert.deepEqual(
    edges()
      .filter(([file]) => layer(file) === 0)
      .map(show),
    [],
  )
})

test('edges of one folder know nothing of the edges of another', () => {
  const across = edges().filter(
    ([file, imported]) => layer(file) === 4 && layer(imported) === 4 && dirname(file) !== dirname(imported),
  )
  assert.deepEqual(across.map(show), [])
})

test('no files import each other in a circle', () => {
  const done = new Set<string>()
  const visit = (file: string, path: readonly string[]): void => {
    assert.ok(!path.includes(file), [...path.slice(path.indexOf(file)), file].join(' → '))
    if (done.has(file)) return
    for (const imported of inside(file)) visit(imported, [...path, file])
    done.add(file)
  }
  for (const file of files) visit(file, [])
})

test('nothing but the kit itself imports the testing kit', () => {
  const users = edges().filter(
    ([file, imported]) => !file.startsWith('testing/') && imported.startsWith('testing/'),
  )
  assert.deepEqual(users.map(show), [])
})

test('the ground and what is pure import no module that does I/O', () => {
  const allowed = ['@fastify/error', 'fastify', 'secure-json-parse', 'typebox', 'typebox/compile']
  const harmless = [
    'node:assert',
    'node:buffer',
    'node:crypto',
    'node:diagnostics_channel',
    'node:util',
    'node:util/types',
  ]
  for (const file of files.filter((file) => layer(file) <= 1)) {
    const outside = (imports.get(file) ?? []).filter((name) => !sources.has(name))
    assert.deepEqual(
      outside.filter((name) => !allowed.includes(name) && !harmless.includes(name)),
      [],
      file,
    )
  }
})

test('only the transport knows ws', () => {
  const users = files.filter((file) =>
    imports.get(file)?.some((name) => /^(ws|@fastify\/websocket)$/.test(name)),
  )
  assert.deepEqual(
    users.filter((file) => !file.startsWith('transport/')),
    [],
  )
})

test('only clock.ts uses timers and time; the fake clock lets turns of the event loop pass', () => {
  const global =
    /(?<![.\w#'`])(?:setTimeout|setInterval|setImmediate)\((?!callback)|\bDate\.now\(|\bperformance\.now\(|\bnew Date\(/
  const users = files.filter((file) => global.test(code(file).replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')))
  assert.deepEqual(users, ['clock.ts', 'testing/fake-clock.ts'])
})

function edges(): [string, string][] {
  return files.flatMap((file) => inside(file).map((imported): [string, string] => [file, imported]))
}

function inside(file: string): string[] {
  return (imports.get(file) ?? []).filter((name) => sources.has(name))
}

function layer(file: string): number {
  return layerOf(file) ?? Number.NaN
}

function show([file, imported]: [string, string]): string {
  return `${file} (${layer(file)}) imports ${imported} (${layer(imported)})`
}
