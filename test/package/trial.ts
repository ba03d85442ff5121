import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

// Trials of the packed package in an empty folder, as its users would make them: the board under both runners, its smaller
// brothers in plain JavaScript, and the mistakes.

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url))

/** Vitest 5 needs a newer Node than the oldest that the package serves. */
const VITEST = '^5.1.0'
const VITEST_NODE = '22'
const NODE_OF_VITEST = ['--yes', '-p', `node@${VITEST_NODE}`, '--', 'node']
const VITEST_SPEC = 'vitest.spec.ts'

const BESIDE = [
  'fastify',
  'typebox',
  '@fastify/autoload',
  '@fastify/jwt',
  'phoenix',
  'prom-client',
  'ws',
  '@types/ws',
  'tsx',
  'typescript',
] as const

/** @param done is told each fact that holds. @throws at the first that does not. */
export async function tryPackage(
  tarball: string,
  versions: Readonly<Record<string, string>>,
  done: (fact: string) => void,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'beryl-trial-'))
  try {
    for (const part of ['board', 'plain', 'mistakes'])
      cpSync(here(part), part === 'board' ? folder : join(folder, part), { recursive: true })
    writeFileSync(join(folder, 'package.json'), manifest(tarball, versions))
    await run(folder, 'npm', ['install', '--ignore-scripts', ...QUICK])
    const skipped = await installVitest(folder)
    if (skipped !== undefined) rmSync(join(folder, VITEST_SPEC))
    await run(folder, process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json'])
    done('a task board compiles, as strictly as TypeScript can')
    // Where Node runs no TypeScript, autoload has to be told that something else does.
    const env = { ...process.env, FASTIFY_AUTOLOAD_TYPESCRIPT: '1', NODE_TEST_CONTEXT: undefined }
    await run(folder, process.execPath, ['--import', 'tsx', '--test', 'node.spec.ts'], env)
    done('the board passes its tests under node:test')
    await run(folder, process.execPath, ['--import', 'tsx', '--test', 'screen.spec.ts'], env)
    done('its screens, with the typed client over real sockets, pass theirs')
    await run(folder, process.execPath, ['--test', 'plain/board.spec.cjs'], env)
    done('a board in CommonJS and one in plain JavaScript pass theirs')
    await run(folder, process.execPath, ['--import', 'tsx', '--test', 'mistakes/mistakes.spec.ts'], env)
    done('every mistake is told what to do')
    if (skipped === undefined)
      await run(folder, 'npx', [...NODE_OF_VITEST, 'node_modules/vitest/vitest.mjs', 'run', VITEST_SPEC])
    done(`the board passes its tests under vitest${skipped === undefined ? '' : ` # SKIP ${skipped}`}`)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const QUICK = ['--prefer-offline', '--no-audit', '--no-fund']

function manifest(tarball: string, versions: Readonly<Record<string, string>>): string {
  const dependencies = {
    ...Object.fromEntries(BESIDE.map((name) => [name, versions[name] ?? '*'])),
    '@types/node': `^${VITEST_NODE}`,
    'fastify-beryl': `file:${tarball}`,
  }
  return JSON.stringify({ private: true, type: 'module', dependencies })
}

/** @returns why it is left out; undefined where it is there */
async function installVitest(folder: string): Promise<string | undefined> {
  try {
    await run(folder, 'npm', ['install', '--ignore-scripts', ...QUICK, `vitest@${VITEST}`])
    await run(folder, 'npx', [...NODE_OF_VITEST, '--version'])
  } catch (error) {
    if (process.env.CI === 'true') throw error
    return `vitest, or the Node ${VITEST_NODE} that it needs, cannot be had from the registry`
  }
  return undefined
}

function run(
  cwd: string,
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<void> {
  return new Promise((resolve, reject) => {
    execFile(program, args, { cwd, env, maxBuffer: 2 ** 26 }, (cause, stdout, stderr) => {
      if (cause === null) resolve()
      else reject(new Error(`${program} ${args.join(' ')}\n${stdout}${stderr}`, { cause }))
    })
  })
}
