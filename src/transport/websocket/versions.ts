import { createRequire } from 'node:module'
import { berylError } from '../../ground/errors.ts'

/** The oldest versions that are safe for a server that strangers can reach, and the reason. */
const NEEDED = [
  { name: 'ws', version: '8.23.0', because: 'it buffers pongs without end for a client that does not read' },
  {
    name: '@fastify/websocket',
    version: '11.3.6',
    because: 'a connection that is reset while hooks are at work ends the process',
  },
] as const

/**
 * Makes sure that what was installed is not older than what is safe: an override of the application's may have put
 * another version in its place, and @fastify/websocket may be the application's own, with a ws of its own.
 *
 * @throws `BERYL_ERR_DEPENDENCY`
 */
export function checkVersions(
  server: object,
  find: (name: string) => string | undefined = versionOf,
  bun = process.versions.bun,
): void {
  for (const { name, version, because } of NEEDED) {
    const found = find(name)
    if (found !== undefined && isOlder(found, version))
      throw berylError('BERYL_ERR_DEPENDENCY', name, found, version, because)
  }
  // Only the option tells the version of a server that somebody else has made: it came with the remedy.
  const { options } = server as { readonly options?: object }
  if (options === undefined || !('maxPendingAutoPongs' in options)) {
    const [{ name, version, because }] = NEEDED
    const found =
      bun === undefined
        ? 'of the registered @fastify/websocket'
        : `of Bun ${bun} (which puts its own in the place of what is installed: run the server with Node.js)`
    throw berylError('BERYL_ERR_DEPENDENCY', name, found, version, because)
  }
}

/** `undefined` in an application that was bundled into one file. */
function versionOf(name: string): string | undefined {
  try {
    // A bundle of CommonJS has no `import.meta`.
    const require = createRequire(import.meta.url)
    return (require(`${name}/package.json`) as { version: string }).version
  } catch {
    return undefined
  }
}

/** Compares `major.minor.patch`; whatever follows does not count. */
export function isOlder(found: string, wanted: string): boolean {
  const [a, b] = [numbers(found), numbers(wanted)]
  const at = b.findIndex((part, index) => part !== a[index])
  return at !== -1 && (a[at] ?? 0) < (b[at] ?? 0)
}

function numbers(version: string): number[] {
  return version.split('.', 3).map((part) => Number.parseInt(part, 10))
}
