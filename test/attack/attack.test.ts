import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { heapGrowth, isNoChance, unplayed } from './campaign.ts'
import { moveKinds } from './moves.ts'

// A short run of `npm run attack`, the same one each time, and the judge's own trial. Each in a process of its own: an
// error that nobody catches is what they look for.

interface Played {
  readonly code: number
  readonly output: string
}

function play(script: string, ...args: string[]): Promise<Played> {
  const path = fileURLToPath(new URL(script, import.meta.url))
  const flags = ['--expose-gc', '--no-warnings', '--import', 'tsx', path, ...args]
  return new Promise((resolve) => {
    execFile(process.execPath, flags, { maxBuffer: 2 ** 26 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : 1, output: `${stdout}${stderr}` })
    })
  })
}

test('one seed gives one trace, byte by byte, in any process', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'attack-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const files = ['one', 'two'].map((name) => join(folder, name))
  await Promise.all(
    files.map((file) => play('main.ts', '--seed', '20260101', '--rounds', '1', '--trace', file)),
  )
  const [one, two] = files.map((file) => readFileSync(file))
  assert.ok((one?.length ?? 0) > 10_000, 'the trace is as long as a round')
  assert.ok(one?.equals(two as Buffer), 'the traces differ')
})

test('the judge convicts a library that was made worse, and acquits one that was not', async () => {
  const { output } = await play('sabotage.ts')
  const convicted: Record<string, readonly string[]> = JSON.parse(output)
  const words = {
    'one broadcast is lost': /misses a broadcast/,
    'one broadcast comes twice': /hears a broadcast twice/,
    'one subscriber is leaked': /left when all are gone/,
    'one push is not answered': /is not answered/,
    'one connection is closed with the wrong code': /closed with 1011/,
    'a promise is left to itself': /nobody waits for this/,
    'a frame is thrown at': /out of receive/,
  }
  assert.deepEqual(convicted.none, [])
  for (const [name, word] of Object.entries(words))
    assert.match((convicted[name] ?? []).join('\n'), word, name)
})

test('rounds of everything at once: nothing is uncaught, no control client loses anything, nothing is left', async (t) => {
  const { code, output } = await play('main.ts', '--seed', '7', '--rounds', '8')
  t.diagnostic(output.split('\n').slice(1, 4).join('; '))
  assert.equal(code, 0, output)
})

test('a heap that grows from round to round fails a campaign; one that wavers does not', () => {
  const MiB = 1_048_576
  const looks = Array.from({ length: 24 }, (_, n) => n)
  const leaking = looks.map((n) => (25 + n * 0.3) * MiB)
  const wavering = looks.map((n) => (25 + (n % 3) * 0.4 + (n < 4 ? 5 - n : 0)) * MiB)
  assert.ok((heapGrowth(leaking) ?? 0) > 2 * MiB)
  assert.equal(heapGrowth(wavering), undefined)
  assert.equal(heapGrowth(leaking.slice(0, 10)), undefined, 'too few to tell')
})

test('a move that many rounds never played fails a campaign; one that few rounds left out is listed', () => {
  const [left, ...others] = moveKinds
  const counts = new Map(others.map(({ name }) => [`move: ${name}`, 1]))
  const [long] = unplayed(counts, moveKinds, 100_000)
  const [short] = unplayed(counts, moveKinds, 80)
  assert.equal(long?.name, left?.name)
  assert.equal(short?.name, left?.name)
  assert.deepEqual(
    [long, short].map((one) => one !== undefined && isNoChance(one)),
    [true, false],
  )
})
