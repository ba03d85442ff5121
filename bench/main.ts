/** `npm run bench`: see `bench/README.md`. */
import { compare } from './compare.ts'
import { growth } from './growth.ts'
import { heap } from './heap.ts'
import { canPin, pinLoad } from './measure/cores.ts'
import { readOptions, USAGE } from './options.ts'
import { openFileLimit } from './report/machine.ts'

/** Files that a process has open besides its connections, with room to spare. */
const OTHER_FILES = 300

if (process.argv.includes('--help')) {
  console.log(USAGE)
} else {
  await main()
}

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2))
  const pinned = canPin()
  if (pinned) pinLoad()
  else
    console.error(
      'Not pinned: servers and load share cores, so figures vary more. taskset and two cores fix that.',
    )
  const ground = { pinned, maxConnections: openFileLimit() - OTHER_FILES }
  await { compare, growth, heap }[options.mode](options, ground)
}
