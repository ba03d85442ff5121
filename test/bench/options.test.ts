import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodeFromNpm } from '../../bench/measure/node.ts'
import { readOptions, USAGE } from '../../bench/options.ts'

test('--node takes a version of Node, and is none by default', () => {
  assert.equal(readOptions([]).nodeVersion, undefined)
  for (const version of ['24', '22.12', '24.1.0'])
    assert.equal(readOptions(['--node', version]).nodeVersion, version)
  assert.match(USAGE, /--node=24 /)
})

for (const version of ['lts', 'v24', '24.x', '>=24', '../node', '']) {
  test(`--node refuses "${version}", which is no version`, () => {
    assert.throws(() => readOptions([`--node=${version}`]), {
      name: 'TypeError',
      message: `--node: wanted a version such as 24 or 24.1.0, got "${version}"`,
    })
  })
}

test('--node names a version that npm does not have', (t) => {
  // Whatever npm says where it is out of reach, it is said.
  process.env.npm_config_offline = 'true'
  t.after(() => delete process.env.npm_config_offline)
  assert.throws(() => nodeFromNpm('0.0.999'), { message: /^--node: npx has no Node 0\.0\.999: \S/ })
})
