import { spawnSync } from 'node:child_process'

/** The Node on which servers run. */
export interface NodeBinary {
  readonly path: string
  /** As `process.version`. */
  readonly version: string
}

/** That of this process. */
export const OWN_NODE: NodeBinary = { path: process.execPath, version: process.version }

/** The npm package `node` in a version, which npx installs where it is not there yet. @throws TypeError where there is none */
export function nodeFromNpm(version: string): NodeBinary {
  const npx = ['--yes', '-p', `node@${version}`, '--', 'node', '-p', 'process.execPath']
  const { status, stdout, stderr, error } = spawnSync('npx', npx, { encoding: 'utf8' })
  if (status !== 0)
    throw new TypeError(`--node: npx has no Node ${version}: ${error?.message ?? stderr.trim()}`)
  const path = stdout.trim()
  return { path, version: spawnSync(path, ['--version'], { encoding: 'utf8' }).stdout.trim() }
}
