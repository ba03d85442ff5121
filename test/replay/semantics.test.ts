import { strict as assert } from 'node:assert'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { rows } from './rows.ts'

const tests = new URL('../', import.meta.url)
const page = readFileSync(new URL('../docs/semantics/protocol.md', tests), 'utf8')

/** Each numbered line, with the names that it ends with. */
const lines = [...page.matchAll(/^- \*\*(W\d+)\*\* .*\((`[^()]+`)\)$/gm)].map(
  ([, number = '', names = '']) => ({
    number,
    names: [...names.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name),
  }),
)

const isFile = (name: string): boolean => name.endsWith('.test.ts')

test('the lines about the wire are numbered without a gap', () => {
  const wanted = Array.from(lines, (_, index) => `W${index + 1}`)
  assert.deepEqual(
    lines.map(({ number }) => number),
    wanted,
  )
  assert.ok(lines.length > 80)
})

test('each line names the scenarios that bear its number, all of them', () => {
  for (const { number, names } of lines) {
    const shown = rows.filter(({ fact }) => fact.startsWith(`${number} `)).map(({ name }) => name)
    assert.deepEqual(names.filter((name) => !isFile(name)).sort(), shown.sort(), number)
  }
})

test('each line names a test, and each file that it names has a test with its number', () => {
  for (const { number, names } of lines) {
    assert.ok(names.length > 0, number)
    for (const name of names.filter(isFile)) {
      assert.ok(existsSync(new URL(name, tests)), `${number}: no file ${name}`)
      assert.match(
        readFileSync(new URL(name, tests), 'utf8'),
        new RegExp(`\\b${number} `),
        `${number} in ${name}`,
      )
    }
  }
})

test('each scenario has a name of its own, and a number of the list', () => {
  const numbers = new Set(lines.map(({ number }) => number))
  const names = new Set(rows.map(({ name }) => name))
  assert.equal(names.size, rows.length)
  for (const { name, fact } of rows) assert.ok(numbers.has(fact.split(' ')[0] as string), name)
})
