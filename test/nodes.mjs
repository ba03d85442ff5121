// Runs the tests on several versions of Node, each a real one from the registry: `node test/nodes.mjs [version…]`,
// by default all that are supported. Left out is what no version of Node changes, and engines, browsers and compilers, for which one is enough.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const SUPPORTED = ['20', '22', '24', '26']
// The rooms that meet Node: its sockets, servers, timers, streams, threads, processes.
const ROOMS = [
  'clients/',
  'ground/',
  'limits/',
  'node/',
  'observe/',
  'session/',
  'supervision/',
  'testing/',
  'transport/',
]

// One version has shown what a browser's clients see.
const env = { ...process.env, BERYL_TEST_WITHOUT: 'chromium,firefox' }

const root = fileURLToPath(new URL('..', import.meta.url))
const asked = process.argv.slice(2)
const versions = asked.length > 0 ? asked : SUPPORTED
const failed = versions.filter((version) => !passesOn(version))
for (const version of versions)
  console.log(`Node ${version}: ${failed.includes(version) ? 'failed' : 'passed'}`)
process.exitCode = failed.length > 0 ? 1 : 0

function passesOn(version) {
  const npx = ['--yes', '-p', `node@${version}`, '--', 'node']
  console.log(`\n# Node ${version}`)
  return run('npx', [...npx, '--version']) && run('npx', [...npx, 'test/run.mjs', ...ROOMS])
}

function run(program, args) {
  return spawnSync(program, args, { cwd: root, stdio: 'inherit', env }).status === 0
}
