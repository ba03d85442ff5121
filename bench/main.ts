/** `npm run bench`: see `bench/README.md`. */
import { cluster } from './cluster.ts'
import { compare } from './compare.ts'
import { growth } from './growth.ts'
import { heap } from './heap.ts'
import { ALL_CORES, canPin, pinLoad, SERVER_CORE } from './measure/cores.ts'
import { type NodeBinary, nodeFromNpm, OWN_NODE } from './measure/node.ts'
import { type Options, readOptions, USAGE } from './options.ts'
import { presence } from './presence-storm.ts'
import { openFileLimit } from './report/machine.ts'

/** Files that a process has open besides its connections, with room to spare. */
const OTHER_FILES = 300

if (process.argv.includes('--help')) console.log(USAGE)
else await main()

async function main(): Promise<void> {
  const { options, node } = parsed() ?? {}
  if (options === undefined || node === undefined) return
  const pinned = canPin()
  if (pinned) pinLoad()
  else
    console.error('Servers and load share cores, for want of taskset or of a second core: figures vary more.')
  const cores = pinned ? (options.allCores ? ALL_CORES : SERVER_CORE) : undefined
  const ground = { cores, node, maxConnections: openFileLimit() - OTHER_FILES }
  await { compare, growth, heap, cluster, presence }[options.mode](options, ground)
}

function parsed(): { readonly options: Options; readonly node: NodeBinary } | undefined {
  try {
    const options = readOptions(process.argv.slice(2))
    const { nodeVersion } = options
    return { options, node: nodeVersion === undefined ? OWN_NODE : nodeFromNpm(nodeVersion) }
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    console.error(`${error.message}\n\n${USAGE}`)
    process.exitCode = 2
    return undefined
  }
}
