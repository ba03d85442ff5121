import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { typescript7 } from './compile.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

/**
 * Emits the types of the package once, as its users get them: to check samples against those takes a third of what the sources
 * take.
 *
 * @param name of a folder that no other process writes to
 * @returns the compiler's `paths`, with absolute targets
 */
export function declarations(name: string): Record<string, string[]> {
  const folder = join(root, '.tmp', 'declarations', name)
  const emit = ['-p', join(root, 'tsconfig.build.json'), '--emitDeclarationOnly', '--outDir', folder]
  execFileSync(process.execPath, [typescript7.program, ...emit])
  const { compilerOptions } = JSON.parse(readFileSync(join(root, 'tsconfig.json'), 'utf8'))
  return Object.fromEntries(
    Object.entries<string[]>(compilerOptions.paths).map(([entry, targets]) => [
      entry,
      targets.map((target) => join(folder, target.replace(/^\.\/src\//, '').replace(/\.ts$/, '.d.ts'))),
    ]),
  )
}
