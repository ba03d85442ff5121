import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathOf } from './need.ts'
import { until } from './until.ts'

/** A port of 127.0.0.1 that nothing listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

/** A redis-server of the test's own, which may kill, stop and start it again. */
export class RedisServer {
  readonly port: number
  readonly #folder = mkdtempSync(join(tmpdir(), 'beryl-redis-'))
  readonly #config: readonly string[]
  #process: ChildProcess | undefined

  private constructor(port: number, config: readonly string[]) {
    this.port = port
    this.#config = config
  }

  /** @param config further lines of redis.conf; `PORT` stands for its port */
  static async start(...config: string[]): Promise<RedisServer> {
    const server = new RedisServer(await freePort(), config)
    await server.start()
    return server
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`
  }

  async start(): Promise<void> {
    const file = join(this.#folder, 'redis.conf')
    const own = this.#config.map((line) => line.replaceAll('PORT', String(this.port)))
    const port = own.some((line) => line.startsWith('port ')) ? [] : [`port ${this.port}`]
    writeFileSync(
      file,
      ['bind 127.0.0.1', ...port, 'save ""', 'appendonly no', `dir ${this.#folder}`, ...own].join('\n'),
    )
    this.#process = spawn(pathOf('redis-server'), [file], { stdio: 'ignore' })
    await this.#listening()
  }

  /** As `kill -9`: nothing is closed in order. */
  async kill(): Promise<void> {
    const child = this.#process
    if (child === undefined) return
    this.#process = undefined
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
  }

  /** It is silent, and its connections stay. */
  freeze(): void {
    this.#process?.kill('SIGSTOP')
  }

  thaw(): void {
    this.#process?.kill('SIGCONT')
  }

  async end(): Promise<void> {
    await this.kill()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  /** One command by hand, and what came back. */
  async command(text: string): Promise<string> {
    const socket = connect(this.port, '127.0.0.1')
    socket.setEncoding('utf8')
    socket.write(`${text}\r\nQUIT\r\n`)
    let answer = ''
    for await (const chunk of socket) answer += chunk
    return answer
  }

  async #listening(): Promise<void> {
    let isOpen = false
    const look = (): void => {
      const socket = connect(this.port, '127.0.0.1')
      socket.once('connect', () => {
        isOpen = true
        socket.destroy()
      })
      socket.once('error', () => setImmediate(look))
    }
    look()
    await until('redis-server listens', () => isOpen)
  }
}
