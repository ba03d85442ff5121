import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, suite, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { behaviours } from './behaviours.ts'
import { places } from './places.ts'
import { supervisedPlaces } from './supervised.ts'

// Every place in which code of the application is called, times everything that such code can do. Played in processes of
// their own, where nobody but the player catches what is uncaught.

const here = fileURLToPath(new URL('.', import.meta.url))

interface Row {
  readonly place: string
  readonly behaviour: string
  readonly variant: string
  readonly played: number
  readonly faults: readonly string[]
}

const PLAYERS = 2

async function player(first: number): Promise<Row[]> {
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', join(here, 'player.ts'), String(first), String(PLAYERS)],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (data) => {
    text += data
  })
  const code = await new Promise((resolve) => child.on('close', resolve))
  assert.equal(code, 0, `the player of ${text.split('\n').at(-2)} has ended with ${code}`)
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
}

suite('code of the application that misbehaves', () => {
  let rows: Row[] = []

  before(async () => {
    rows = (await Promise.all(Array.from({ length: PLAYERS }, (_, first) => player(first)))).flat()
  })

  for (const { name, losesPromises, notFor = [] } of [...places, ...supervisedPlaces]) {
    test(`${name}: whatever it does ends its own part at the most, and leaves nothing behind`, () => {
      const own = rows.filter(({ place }) => place === name)
      const expected = behaviours.filter(({ gives, needs }) => {
        if (losesPromises && gives === 'promise') return false
        return needs === undefined || !notFor.includes(needs)
      })
      assert.deepEqual(
        [...new Set(own.map(({ behaviour }) => behaviour))],
        expected.map(({ name }) => name),
      )
      for (const { behaviour, variant, played, faults } of own) {
        assert.deepEqual(faults, [], `${behaviour}, ${variant}`)
        assert.ok(played > 0, `${behaviour}, ${variant}: was not called`)
      }
    })
  }
})

test('docs/foreign-code.md has a row for each place in which code of the application is called', () => {
  const page = readFileSync(join(here, '../../docs/foreign-code.md'), 'utf8')
  const documented = [...page.matchAll(/^\| ([^|]+) \| [^|]+ \| [^|]+ \| [^|]+ \|$/gm)]
    .map(([, place = '']) => place)
    .filter((place) => place !== 'place')
  assert.deepEqual(
    documented,
    [...places, ...supervisedPlaces].map(({ name }) => name),
  )
})
