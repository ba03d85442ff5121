import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathOf } from './need.ts'
import { freePort } from './redis.ts'
import { until } from './until.ts'

/** A nats-server of the test's own, which may kill, stop and start it again. */
export class NatsServer {
  readonly port: number
  readonly #folder = mkdtempSync(join(tmpdir(), 'beryl-nats-'))
  readonly #config: readonly string[]
  #process: ChildProcess | undefined

  private constructor(port: number, config: readonly string[]) {
    this.port = port
    this.#config = config
  }

  /** @param config further lines of nats.conf */
  static async start(...config: string[]): Promise<NatsServer> {
    const server = new NatsServer(await freePort(), config)
    await server.start()
    return server
  }

  get url(): string {
    return `nats://127.0.0.1:${this.port}`
  }

  async start(): Promise<void> {
    const file = join(this.#folder, 'nats.conf')
    writeFileSync(file, [`listen: 127.0.0.1:${this.port}`, ...this.#config].join('\n'))
    this.#process = spawn(pathOf('nats-server'), ['-c', file], { stdio: 'ignore' })
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
    await until('nats-server listens', () => isOpen)
  }
}
