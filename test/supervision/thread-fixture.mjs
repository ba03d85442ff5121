// A module for a thread that is not one of ours: it does what its first argument says.
import { parentPort, workerData } from 'node:worker_threads'

const deeds = {
  spins: () => {
    parentPort.postMessage('spinning')
    for (;;);
  },
  hoards: () => {
    const hoard = []
    for (;;) hoard.push(new Array(100_000).fill(hoard.length))
  },
  waits: () => parentPort.on('message', () => {}),
  throws: () => {
    throw new Error('from the thread')
  },
  exits: () => process.exit(workerData.code),
}

deeds[workerData.deed]()
