import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { FastifyInstance } from 'fastify'
import { until } from '../support/until.ts'
import { extractSamples, importSample, root } from './samples.ts'

const page = readFileSync(join(root, 'docs/telemetry.md'), 'utf8')
const source = readFileSync(join(root, 'src/ground/telemetry.ts'), 'utf8')

/** The names in backticks, or those of fields in a type. */
const named = (text: string): string[] => [...text.matchAll(/`(\w+)`/g)].map(([, name = '']) => name).sort()
const fields = (text: string): string[] =>
  [...text.matchAll(/(\w+)\??:/g)].map(([, name = '']) => name).sort()

const EVENT =
  /^ {2}'([\w.]+)': \{\s+measurements: (object|\{[^}]*\})[;\s]+metadata: (ReportedEvent|\{[^}]*\})\s+\}/gm
const ROW = /^\| `([\w]+\.[\w]+)` \| ([^|]*)\| ([^|]*)\| (.*) \|$/gm

test('docs/telemetry.md has each event, with its measurements and metadata, in the order of the types', () => {
  const declared = [...source.matchAll(EVENT)].map(([, name, measurements = '', metadata = '']) => [
    name,
    fields(measurements),
    metadata === 'ReportedEvent' ? ['type'] : fields(metadata),
  ])
  const documented = [...page.matchAll(ROW)].map(([, name, measurements = '', metadata = '']) => [
    name,
    named(measurements),
    named(metadata),
  ])
  assert.equal(declared.length, [...source.matchAll(/^ {2}'[\w.]+': \{/gm)].length)
  assert.deepEqual(documented, declared)
})

test('docs/telemetry.md marks the events of the hot path', () => {
  const hot = [...page.matchAll(ROW)]
    .filter(([, , , , when]) => when?.startsWith('*Hot.*'))
    .map(([, name]) => name)
  const [, events = ''] = /export interface TelemetryEvents \{(.*?)\n\}\n/s.exec(source) ?? []
  const probed = [...events.matchAll(/\/\*\*[^*]*On the hot path[^*]*\*\/\n {2}'([\w.]+)'/g)].map(
    ([, name]) => name,
  )
  assert.deepEqual(hot, probed)
})

test('docs/telemetry.md has each metric that is served, with its type and labels', async (t) => {
  const { folder } = extractSamples('telemetry')
  const { app } = (await importSample(folder, 'metrics.ts')) as { app: FastifyInstance }
  t.after(() => app.close())
  const { body, headers } = await app.inject('/metrics')
  assert.match(String(headers['content-type']), /^text\/plain/)
  const served = [...body.matchAll(/^# TYPE (beryl_\w+) (\w+)$/gm)].map(([, name, type]) => [name, type])
  const documented = [...page.matchAll(/^\| `(beryl_\w+)` \| (\w+) \|/gm)].map(([, name, type]) => [
    name,
    type,
  ])
  assert.deepEqual(documented.sort(), served.sort())
})

test('the health route of docs/telemetry.md answers 200 while the tree runs, and 503 when it has failed', async (t) => {
  const { folder } = extractSamples('telemetry')
  const { app } = (await importSample(folder, 'health.ts')) as { app: FastifyInstance }
  t.after(() => app.close())
  await app.ready()
  assert.equal((await app.inject('/ready')).statusCode, 200)
  for (let crash = 1; app.channels.status().state !== 'failed'; crash++) {
    assert.ok(crash < 10, 'it never fails')
    const hasMoved = (): boolean =>
      app.channels.status().state === 'failed' ||
      app.channels.status().tree?.children.at(-1)?.restarts === crash
    app.channels.supervisor?.exitChild('groups')
    await until('the crash is over', hasMoved)
  }
  assert.equal((await app.inject('/ready')).statusCode, 503)
})
