// Runs the tests on several versions of Node, each a real one from the registry: `node test/nodes.mjs [version…]`,
// by default all that are supported. Left out is what no version of Node changes, or what one is enough for.
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const SUPPORTED = ['20', '22', '24', '26']
const ELSEWHERE = [
  ...['browser', 'bench', 'deployment', 'docs', 'types', 'package', 'support'],
  // Compilers, and what is the same on each.
  ...['asyncapi', 'bundle', 'client', 'compare', 'react'],
  // Engines of others, and minutes of processes that one version has played.
  ...['adapters', 'attack', 'faults', 'foreign', 'soak'],
  // Pure: no version of Node is seen there.
  ...['groups', 'presence', 'replication'],
]

// One version has shown what a browser's clients see.
const env = { ...process.env, BERYL_TEST_WITHOUT: 'chromium,firefox' }

const root = fileURLToPath(new URL('..', import.meta.url))
const kinds = readdirSync(fileURLToPath(new URL('.', import.meta.url)), { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && !ELSEWHERE.includes(entry.name))
  .map((entry) => `${entry.name}/`)

const asked = process.argv.slice(2)
const versions = asked.length > 0 ? asked : SUPPORTED
const failed = versions.filter((version) => !passesOn(version))
for (const version of versions)
  console.log(`Node ${version}: ${failed.includes(version) ? 'failed' : 'passed'}`)
process.exitCode = failed.length > 0 ? 1 : 0

function passesOn(version) {
  const npx = ['--yes', '-p', `node@${version}`, '--', 'node']
  console.log(`\n# Node ${version}`)
  return run('npx', [...npx, '--version']) && run('npx', [...npx, 'test/run.mjs', ...kinds])
}

function run(program, args) {
  return spawnSync(program, args, { cwd: root, stdio: 'inherit', env }).status === 0
}
