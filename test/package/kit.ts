import { execFileSync } from 'node:child_process'
import { join } from 'node:path'

/** vitest does not run on Node 20. */
const NODE = 'node@22'

/** Runs the same tests with the testing kit of the packed package, under node:test and under vitest. */
export function checkKit(folder: string): void {
  const kit = join(folder, 'kit')
  const run = (program: string, ...args: string[]) =>
    execFileSync(program, args, { cwd: kit, stdio: ['ignore', 'ignore', 'pipe'] })
  run(process.execPath, '--test', 'node.mjs')
  console.log('ok - the testing kit works under node:test, also beside mocked timers')
  run('npm', 'install', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund')
  run('npx', '--yes', '-p', NODE, '--', 'node', 'node_modules/vitest/vitest.mjs', 'run')
  console.log('ok - the same tests pass under vitest, also beside vi.useFakeTimers()')
}
