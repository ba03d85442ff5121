import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Rate } from '../../src/ground/rate.ts'
import { resolveOptions } from '../../src/node/options.ts'
import { root } from './samples.ts'

// The table of limits: what it says are the defaults, the names that are reported, and each has its tests.

const page = readFileSync(join(root, 'docs/limits.md'), 'utf8')
const ROW = /^\| `((?:limits|heartbeat|backpressure|presence|drain)\.[\w.]+)` \| ([^|]+) \|/gm
const rows = [...page.matchAll(ROW)].map(([, option = '', byDefault = '']) => ({
  option,
  byDefault: byDefault.trim(),
}))
const limits = rows.filter(({ option }) => !option.startsWith('drain.'))
/** The limits that the adapter has, not the options. */
const between = [...page.matchAll(/^\| `(pubsub\.\w+)` \|/gm)].map(([, limit = '']) => limit)

const defaults = resolveOptions({}) as unknown as Record<string, unknown>
const RATES = {
  joins: 'joins',
  messages: 'messages',
  bytesPerSecond: 'bytes',
  channelMessages: 'channelMessages',
}

function defaultOf(option: string): unknown {
  const name = option.split('.').at(-1) as keyof typeof RATES
  const path = name in RATES ? ['limits', 'rates', RATES[name]] : option.split('.')
  return path.reduce<unknown>((value, key) => (value as Record<string, unknown>)[key], defaults)
}

/** The due time of a rate after a long pause and so many at once tells its pace and its burst. */
function sameRate(rate: Rate, like: Rate): boolean {
  const due = like.charge(0, 0, 7)
  return rate.charge(0, 0, 7) === due && rate.waitMs(due, 0, 1e9) === like.waitMs(due, 0, 1e9)
}

test('docs/limits.md has the defaults of all limits', () => {
  assert.equal(limits.length, 26)
  for (const { option, byDefault } of rows) {
    const value = defaultOf(option)
    const number = Number(byDefault.replaceAll(',', ''))
    const [, perSecond, burst] = /^(\d+)\/s, burst (\d+)$/.exec(byDefault) ?? []
    if (byDefault === 'off') assert.ok(value === undefined || value === Number.POSITIVE_INFINITY, option)
    else if (!(value instanceof Rate)) assert.equal(value, number, option)
    else if (perSecond === undefined)
      assert.ok(sameRate(value, new Rate({ perSecond: number, burst: number })), option)
    else assert.ok(sameRate(value, new Rate({ perSecond: Number(perSecond), burst: Number(burst) })), option)
  }
})

test('docs/limits.md names the limits that are reported, and no others', () => {
  const source = readFileSync(join(root, 'src/ground/telemetry.ts'), 'utf8')
  const [, type = ''] = /export type LimitName =(.*?)\n\n/s.exec(source) ?? []
  const names = [...type.matchAll(/`([\w.]+)\.\$\{([^}]+)\}`|'(\w+\.\w+)'/g)].flatMap(
    ([, prefix, members = '', whole]) =>
      whole === undefined
        ? [...members.matchAll(/'(\w+)'/g)].map(([, member]) => `${prefix}.${member}`)
        : [whole],
  )
  assert.deepEqual([...limits.map(({ option }) => option), ...between].sort(), names.sort())
})

test('each limit is named by the tests of limits', () => {
  const folder = join(root, 'test/limits')
  const tests = readdirSync(folder)
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => readFileSync(join(folder, file), 'utf8'))
    .join('\n')
  for (const option of [...limits.map(({ option }) => option), ...between]) {
    const count = tests.split(option).length - 1
    assert.ok(count > 0, `nothing in test/limits names ${option}`)
  }
})
