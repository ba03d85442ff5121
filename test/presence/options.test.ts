import assert from 'node:assert/strict'
import { test } from 'node:test'
import { resolvePresenceOptions } from '../../src/presence/options.ts'

test('a limit that is switched off stays off when resolved options are resolved again, as the plugin does', () => {
  const off = {
    keys: false,
    keyBytes: false,
    metaBytes: false,
    changesPerSecond: false,
    shownKeys: false,
  } as const
  const resolved = resolvePresenceOptions({ limits: off })
  assert.deepEqual(resolvePresenceOptions(resolved), resolved)
  assert.deepEqual(Object.values(resolved.limits), Array(5).fill(Number.POSITIVE_INFINITY))
  assert.equal(
    resolvePresenceOptions({ limits: { keys: 0 } }).limits.keys,
    Number.POSITIVE_INFINITY,
    'as all limits',
  )
})
