// The module of a supervised thread: it says who it is, and ends when it is asked to. Node 20 gives a thread none of the
// TypeScript loader of its maker, so it brings its own.
import { parentPort } from 'node:worker_threads'
import { register } from 'tsx/esm/api'

register()
const { threadContext } = await import('../../src/supervision/index.ts')
const { incarnation, path, signal, ready } = threadContext()

parentPort.on('message', (message) => {
  if (message === 'who') parentPort.postMessage({ incarnation, path })
})
signal.addEventListener('abort', () => {
  parentPort.postMessage('bye')
  parentPort.close()
})
ready()
