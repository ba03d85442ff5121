import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { createClient } from '@redis/client'

/** A redis-server of the bench's own, on the core of the load. It ends with this process. */
export class Redis {
  readonly url: string
  readonly #child: ChildProcess
  readonly #client: ReturnType<typeof createClient>
  readonly #kill = () => this.#child.kill('SIGKILL')

  /** @throws where no redis-server is installed */
  static async start(): Promise<Redis> {
    const port = await freePort()
    const options = ['--bind', '127.0.0.1', '--port', String(port), '--save', '', '--appendonly', 'no']
    const child = spawn('redis-server', options, { stdio: ['ignore', 'pipe', 'inherit'] })
    await ready(child)
    const redis = new Redis(child, `redis://127.0.0.1:${port}`)
    await redis.#client.connect()
    return redis
  }

  private constructor(child: ChildProcess, url: string) {
    this.url = url
    this.#child = child
    this.#client = createClient({ url })
    this.#client.on('error', () => {})
    process.on('exit', this.#kill)
    for (const signal of SIGNALS) process.on(signal, exit)
  }

  /** The number of subscribed channels that look like `pattern`. */
  async channels(pattern: string): Promise<number> {
    return (await this.#client.pubSubChannels(pattern)).length
  }

  async stop(): Promise<void> {
    process.off('exit', this.#kill)
    for (const signal of SIGNALS) process.off(signal, exit)
    this.#client.destroy()
    const gone = once(this.#child, 'exit')
    this.#kill()
    await gone
  }
}

const SIGNALS = ['SIGINT', 'SIGTERM'] as const

/** A signal alone would end this process without the event `exit`. */
function exit(): void {
  process.exit(1)
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

function ready(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = ''
    child.once('error', () =>
      reject(new Error('redis-server does not start; install it (apt-get install redis-server)')),
    )
    child.once('exit', () => reject(new Error(`redis-server ended:\n${said}`)))
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-4_096)
      if (said.includes('Ready to accept connections')) resolve()
    })
  })
}
