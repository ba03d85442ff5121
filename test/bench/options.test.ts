import assert from 'node:assert/strict'
import { availableParallelism } from 'node:os'
import { test } from 'node:test'
import { ALL_CORES, SERVER_CORE, serverCommand } from '../../bench/measure/cores.ts'
import { nodeFromNpm, OWN_NODE } from '../../bench/measure/node.ts'
import { readOptions, USAGE } from '../../bench/options.ts'

test('--node takes a version of Node, and is none by default', () => {
  assert.equal(readOptions([]).nodeVersion, undefined)
  for (const version of ['24', '22.12', '24.1.0'])
    assert.equal(readOptions(['--node', version]).nodeVersion, version)
  assert.match(USAGE, /--node=24 /)
})

test('servers have a core of their own, with --all-cores every one, and where nothing is kept apart what there is', () => {
  assert.deepEqual([readOptions([]).allCores, readOptions(['--all-cores']).allCores], [false, true])
  const command = (cores: string | undefined) => serverCommand({ cores, node: OWN_NODE }, ['server.js'])
  assert.deepEqual(command(SERVER_CORE), ['taskset', ['-c', '0', OWN_NODE.path, 'server.js']])
  assert.deepEqual(command(ALL_CORES), [
    'taskset',
    ['-c', `0-${availableParallelism() - 1}`, OWN_NODE.path, 'server.js'],
  ])
  assert.deepEqual(command(undefined), [OWN_NODE.path, ['server.js']])
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

for (const [argv, message] of [
  [
    ['--only=fan-out,jions'],
    /^--only: the comparison has no part "jions"; there are fan-out, .*, storm, memory$/,
  ],
  [
    ['--growth', '--only=joins'],
    /^--only: --growth has no part "joins"; there are subscribers, .*, deflate$/,
  ],
  [['--cluster', '--only=storm'], /^--only: --cluster has no part "storm"; there are receiving, /],
  [['--presence', '--only=storm'], /^--only has no effect on --presence$/],
  [['--presence', '--before=.'], /^--before has no effect on --presence$/],
  [['--heap', '--joins=5'], /^--joins has no effect on --heap$/],
] as const)
  test(`${argv.join(' ')} is refused: a run that measures something else, or nothing, is none`, () => {
    assert.throws(() => readOptions(argv), { name: 'TypeError', message })
  })

test('--only takes the parts of each mode', () => {
  assert.deepEqual(readOptions(['--only=joins,storm,memory']).only, ['joins', 'storm', 'memory'])
  assert.deepEqual(readOptions(['--growth', '--only=topics,deflate']).only, ['topics', 'deflate'])
  assert.deepEqual(readOptions(['--cluster', '--only=latency']).only, ['latency'])
})
