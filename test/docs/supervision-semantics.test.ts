import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'

/** The numbered lines: how many of each letter there are. */
const LINES = { S: 112, N: 22, A: 23 }

interface Row {
  readonly number: string
  readonly rule: string
  readonly shownBy: readonly string[]
}

function rows(): Row[] {
  const page = readFileSync(new URL('../../docs/semantics/supervision.md', import.meta.url), 'utf8')
  return [...page.matchAll(/^\| ([SNA]\d+) \| (.+) \| (.+) \|$/gm)].map(
    ([, number = '', rule = '', by = '']) => ({
      number,
      rule,
      shownBy: by === '–' ? [] : by.split(', '),
    }),
  )
}

/** The numbers that the titles of each test file cite; `S1-S6` cites six. */
function citations(): Map<string, Set<string>> {
  const cited = new Map<string, Set<string>>()
  for (const [room, prefix] of [
    ['supervision', ''],
    ['node', 'node/'],
  ]) {
    const folder = new URL(`../${room}/`, import.meta.url)
    for (const file of readdirSync(folder).filter((name) => name.endsWith('.test.ts'))) {
      const name = `${prefix}${file.slice(0, -'.test.ts'.length)}`
      cited.set(name, numbersIn(readFileSync(new URL(file, folder), 'utf8')))
    }
  }
  return cited
}

function numbersIn(source: string): Set<string> {
  const numbers = new Set<string>()
  for (const [, title = ''] of source.matchAll(/(?:test|withScribe)\(\s*[`'"](.*)/g))
    for (const [, letter = '', first = '', last = first] of title.matchAll(/\b([SNA])(\d+)(?:-[SNA](\d+))?/g))
      for (let number = Number(first); number <= Number(last); number++) numbers.add(`${letter}${number}`)
  return numbers
}

test('every numbered line of supervision is in the docs, once and in order', () => {
  const expected = Object.entries(LINES).flatMap(([letter, count]) =>
    Array.from({ length: count }, (_, n) => `${letter}${n + 1}`),
  )
  assert.deepEqual(
    rows().map(({ number }) => number),
    expected,
  )
})

test('each line is shown by tests whose titles cite it, or says why it cannot hold', (t) => {
  const cited = citations()
  let shown = 0
  for (const { number, rule, shownBy } of rows()) {
    if (shownBy.length === 0)
      assert.match(rule, /Cannot hold|Not offered|business of/, `${number} says why nothing shows it`)
    for (const file of shownBy) {
      assert.ok(cited.get(file)?.has(number), `${number}: no title in ${file}.test.ts cites it`)
      shown += 1
    }
  }
  t.diagnostic(`${rows().length} lines, ${shown} citations`)
})

test('no title cites a line that the docs do not show by it', () => {
  const shown = new Map(rows().map(({ number, shownBy }) => [number, shownBy]))
  for (const [file, numbers] of citations())
    for (const number of numbers)
      assert.ok(shown.get(number)?.includes(file), `${file}.test.ts cites ${number}`)
})
