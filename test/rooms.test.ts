import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

// Holds src to the tables of src/README.md: the rooms in their order, and the files that are pure.

const root = fileURLToPath(new URL('..', import.meta.url))
const src = join(root, 'src')

const files = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .sort()

const sources = new Map(files.map((file) => [file, readFileSync(join(src, file), 'utf8')]))

/** The imports of each file of src, types included: files of src by their path, everything else by its name. */
const imports = new Map(files.map((file) => [file, importsOf(file)]))

const map = readFileSync(join(src, 'README.md'), 'utf8')

/** Room (a folder, or a file at the top) → its floor. */
const floors = new Map(
  [...map.matchAll(/^\| (\d) \| ([^|]*) \|/gm)].flatMap(([, floor, rooms = '']) =>
    pathsIn(rooms).map((path) => [path, Number(floor)] as const),
  ),
)

const pure = pathsIn(/^Pure[^:]*: (.*?)\n\n/ms.exec(map)?.[1] ?? '')

function pathsIn(text: string): string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, path = '']) => path)
}

function importsOf(file: string): string[] {
  const specifiers = [...code(file).matchAll(/^(?:(?:import|export)\b[^'";]* from|import) '([^']+)'$/gm)]
  return specifiers.map(([, name = '']) =>
    name.startsWith('.') ? relative(src, resolve(src, dirname(file), name)) : name,
  )
}

function code(file: string): string {
  return sources.get(file) ?? ''
}

function roomOf(file: string): string {
  return file.includes('/') ? `${file.split('/', 1)[0]}/` : file
}

function floorOf(file: string): number {
  return floors.get(roomOf(file)) ?? Number.NaN
}

const isPure = (file: string): boolean => pure.some((path) => file === path || file.startsWith(`${path}`))

test('each file of src is in a room of the map, and the map names nothing that is not there', () => {
  const named = [...floors.keys(), ...pure]
  assert.deepEqual(
    files.filter((file) => Number.isNaN(floorOf(file))),
    [],
  )
  assert.deepEqual(
    named.filter((path) => !files.some((file) => file === path || file.startsWith(path))),
    [],
  )
})

test('a file imports its own room or one of its own floor or below, types included', (t) => {
  const upwards = edges().filter(([file, imported]) => floorOf(file) < floorOf(imported))
  assert.deepEqual(upwards.map(show), [])
  t.diagnostic(`${edges().length} imports between ${files.length} files in ${floors.size} rooms`)
})

test('no two rooms import each other, types included', () => {
  const arrows = new Set(
    edges()
      .filter(([file, imported]) => roomOf(file) !== roomOf(imported))
      .map(([file, imported]) => `${roomOf(file)} ${roomOf(imported)}`),
  )
  const both = [...arrows].filter((arrow) => arrows.has(arrow.split(' ').reverse().join(' ')))
  assert.deepEqual(both, [])
})

test('the ground and the contract import only themselves, the client the contract, react both, supervision the ground', () => {
  const outside = edges().filter(([file, imported]) => {
    const [from, to] = [roomOf(file), roomOf(imported)]
    if (from === 'supervision/') return to !== from && to !== 'ground/'
    if (from === 'react/') return ![from, 'client/', 'contract/'].includes(to)
    if (from === 'client/') return to !== from && to !== 'contract/'
    return (from === 'ground/' || from === 'contract/') && to !== from
  })
  assert.deepEqual(outside.map(show), [])
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

test('a pure file imports pure files and the ground alone, and no module that does I/O', () => {
  const allowed = ['@fastify/error', 'fastify', 'secure-json-parse', 'typebox', 'typebox/compile']
  const harmless = [
    'node:assert',
    'node:buffer',
    'node:crypto',
    'node:diagnostics_channel',
    'node:util',
    'node:util/types',
  ]
  for (const file of files.filter(isPure)) {
    const wrong = (imports.get(file) ?? []).filter((name) =>
      sources.has(name)
        ? !isPure(name) && roomOf(name) !== 'ground/'
        : !allowed.includes(name) && !harmless.includes(name),
    )
    assert.deepEqual(wrong, [], file)
  }
})

test('only the transport knows ws', () => {
  const users = files.filter((file) =>
    imports.get(file)?.some((name) => /^(ws|@fastify\/websocket)$/.test(name)),
  )
  assert.deepEqual(
    users.filter((file) => !file.startsWith('transport/websocket/')),
    [],
  )
})

test('only the clock uses timers and time', () => {
  const global =
    /(?<![.\w#'`])(?:setTimeout|setInterval|setImmediate)\((?!callback)|\bDate\.now\(|\bperformance\.now\(|\bnew Date\(/
  const users = files.filter((file) => global.test(code(file).replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')))
  assert.deepEqual(users, ['client/clock.ts', 'ground/clock.ts'])
})

function edges(): [string, string][] {
  return files.flatMap((file) => inside(file).map((imported): [string, string] => [file, imported]))
}

function inside(file: string): string[] {
  return (imports.get(file) ?? []).filter((name) => sources.has(name))
}

function show([file, imported]: [string, string]): string {
  return `${file} (${floorOf(file)}) imports ${imported} (${floorOf(imported)})`
}

test('a comment names its subject first: none begins with What, Who, Whether or How', () => {
  const begins = /(?:^|\s)(?:\/\/|\/\*\*|\*) (?:What|Who|Whether|How)\b.*/gm
  const found = written().flatMap(([file, text]) =>
    (text.match(begins) ?? []).map((line) => `${file}: ${line.trim()}`),
  )
  assert.deepEqual(found, [])
})

/** The text of every program of the repository, by its path. */
function written(): [string, string][] {
  return ['src', 'test', 'bench', 'example-app'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => /\.[cm]?[jt]sx?$/.test(file) && !file.includes('node_modules'))
      .map((file): [string, string] => [join(folder, file), readFileSync(join(root, folder, file), 'utf8')]),
  )
}
