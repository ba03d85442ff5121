import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { typescript7 } from './compile.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

/**
 * A folder outside the repository in which this package is installed as npm would: built, by its `exports`. Beside it nothing but what
 * is named, so that whatever needs more is found out.
 */
export async function installBuilt(
  ...packages: readonly string[]
): Promise<{ folder: string; remove(): void }> {
  const folder = mkdtempSync(join(tmpdir(), 'fastify-beryl-built-'))
  const own = join(folder, 'node_modules', 'fastify-beryl')
  mkdirSync(own, { recursive: true })
  cpSync(join(root, 'package.json'), join(own, 'package.json'))
  const build = [typescript7.program, '-p', join(root, 'tsconfig.build.json'), '--outDir', join(own, 'dist')]
  await promisify(execFile)(process.execPath, build)
  for (const name of packages) {
    const place = join(folder, 'node_modules', name)
    mkdirSync(dirname(place), { recursive: true })
    symlinkSync(join(root, 'node_modules', name), place)
  }
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) }
}
