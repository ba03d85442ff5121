import assert from 'node:assert/strict'
import { test } from 'node:test'
import { guardSignal } from '../../src/ground/signal.ts'

test('as many as like listen to a guarded signal: Node warns of no leak', async (t) => {
  const warnings: Error[] = []
  const warned = (warning: Error): number => warnings.push(warning)
  process.on('warning', warned)
  t.after(() => void process.off('warning', warned))
  const { signal } = new AbortController()
  guardSignal(signal, () => {})
  for (let n = 0; n < 100; n++) signal.addEventListener('abort', () => {})
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(warnings, [])
})
