// Two nodes of the chat, and what carries messages between them: a Redis of their own or, where there is none, cluster().
import { type ChildProcess, fork, spawn } from 'node:child_process'
import nodeCluster, { type Worker } from 'node:cluster'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { startWorkers } from 'fastify-beryl/cluster'

const NODE = fileURLToPath(new URL('node.ts', import.meta.url))
const { PORT = '3000' } = process.env

/** Ends with its standard input, that is with this process, however this one ends. */
const REDIS = `
  command -v redis-server >/dev/null || { echo missing; exit; }
  redis-server --port "$0" --bind 127.0.0.1 --save '' --appendonly no &
  exec >&-
  read -r _
  kill $!`

const ports = PORT === '0' ? [await freePort(), await freePort()] : [Number(PORT), Number(PORT) + 1]
process.env.NODES = ports.map((port) => `http://127.0.0.1:${port}`).join(' ')
const redis = await startRedis(await freePort())
if (redis === undefined) await overCluster()
else await overRedis(redis)

/** The url of a Redis that listens, or nothing where none is installed. */
async function startRedis(port: number): Promise<string | undefined> {
  const shell = spawn('/bin/sh', ['-c', REDIS, String(port)], {
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: true,
  })
  let last = 'it said nothing'
  for await (const line of createInterface(shell.stdout)) {
    if (line === 'missing') return undefined
    last = line
    if (!line.includes('Ready to accept connections')) continue
    shell.stdout.resume()
    return `redis://127.0.0.1:${port}`
  }
  throw new Error(`redis-server did not start on port ${port}: ${last}`)
}

async function overRedis(url: string): Promise<void> {
  console.log(`Two nodes over Redis, at ${url}:`)
  const nodes = ports.map((port) => overRedisAt(port, url))
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => nodes.forEach((node) => void node.kill('SIGTERM')))
  await Promise.all(nodes.map((node) => once(node, 'exit')))
  process.exit()
}

function overRedisAt(port: number, url: string): ChildProcess {
  const node = fork(NODE, { env: { ...process.env, PORT: String(port), REDIS: url } })
  return node.once('exit', () => console.log(`  http://127.0.0.1:${port} has ended`))
}

async function overCluster(): Promise<void> {
  console.log('No redis-server on this machine: two nodes over cluster(), as workers of this process:')
  nodeCluster.on('fork', assignPort)
  const workers = await startWorkers({ count: ports.length, exec: NODE })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void workers.stop())
}

/** Workers share what they listen on, unless each has a port of its own. The one of a worker that died is free for the next. */
function assignPort(worker: Worker): void {
  const port = ports.shift()
  if (port === undefined) return
  worker.once('message', () => worker.send({ port }))
  worker.once('exit', () => ports.push(port))
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}
