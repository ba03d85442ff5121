import { mkdirSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

/** `bench/results`, from where the compiled bench stands. */
const RESULTS = fileURLToPath(new URL('../../results/', import.meta.url))

/** Writes `bench/results/<name>` and returns its path for people. */
export function writeResult(name: string, content: string): string {
  mkdirSync(RESULTS, { recursive: true })
  const file = join(RESULTS, name)
  writeFileSync(file, content)
  return relative(process.cwd(), file)
}

export function profileFolder(): string {
  return join(RESULTS, 'profiles')
}
