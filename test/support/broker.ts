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

/** The server of a broker of the test's own, which may kill, stop and start it again. */
export abstract class Broker {
  readonly port: number
  readonly #program: 'nats-server' | 'redis-server'
  readonly #folder: string
  #process: ChildProcess | undefined

  protected constructor(program: 'nats-server' | 'redis-server', port: number) {
    this.#program = program
    this.port = port
    this.#folder = mkdtempSync(join(tmpdir(), `beryl-${program}-`))
  }

  abstract get url(): string

  /** The lines of its configuration, with a folder that is its own. */
  protected abstract configuration(folder: string): readonly string[]
  /** The arguments that lead to the configuration. */
  protected abstract argumentsFor(file: string): readonly string[]

  async start(): Promise<void> {
    const file = join(this.#folder, 'broker.conf')
    writeFileSync(file, this.configuration(this.#folder).join('\n'))
    this.#process = spawn(pathOf(this.#program), this.argumentsFor(file), { stdio: 'ignore' })
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
    await until(`${this.#program} listens`, () => isOpen)
  }
}
