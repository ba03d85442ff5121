import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { BerylOptions } from '../../src/index.ts'

/** The options that can travel to a server on its command line. */
export interface ServerOptions {
  readonly beryl?: Pick<BerylOptions, 'limits' | 'heartbeat' | 'backpressure' | 'drain' | 'presence'>
  readonly http?: { readonly headersTimeout: number; readonly connectionsCheckingInterval: number }
  /** The library's time passes so many times faster. @default 1 */
  readonly clockFactor?: number
}

export interface ServerStatus {
  readonly connections: number
  readonly channels: number
  readonly topics: number
  /** Clients whose `connect` waits behind the gate. */
  readonly waiting: number
  /** The number of topics that the broker was asked for. */
  readonly subscriptions: number
  readonly uncaught: readonly string[]
  /** Times that each limit was reached. */
  readonly limits: Readonly<Record<string, number>>
  /** Connections that ended with each code. */
  readonly closes: Readonly<Record<string, number>>
}

/** The holdings of a server after garbage collection. */
export interface ServerMeasures {
  readonly heapBytes: number
  readonly rss: number
  /** The most `rss` that broadcasts have met. */
  readonly peakRss: number
  readonly descriptors: number
  /** `process.getActiveResourcesInfo()`, counted. */
  readonly resources: Readonly<Record<string, number>>
}

interface Commands {
  status: [argument: undefined, result: ServerStatus]
  measures: [argument: undefined, result: ServerMeasures]
  /** Objects of the library on the heap, by class. Slow. */
  alive: [argument: undefined, result: Readonly<Record<string, number>>]
  broadcast: [argument: { from: number; count: number; bytes: number }, result: undefined]
  /** Keeps the event loop busy for so many milliseconds. */
  block: [argument: number, result: undefined]
  shutGate: [argument: undefined, result: undefined]
  openGate: [argument: undefined, result: undefined]
  /** Closes the application. Gives the milliseconds that it took. */
  close: [argument: undefined, result: number]
}

/** The answer that comes before a block, with the number of no command. */
export const STANDS_STILL = 0

const SERVER = fileURLToPath(new URL('server.ts', import.meta.url))
const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** A server of its own, to be told what to do. */
export class ServerProcess {
  readonly port: number
  readonly #child: ChildProcess
  /** Rejects when the server ends. */
  readonly #ended: Promise<never>
  readonly #pending = new Map<number, (result: never) => void>()
  #commands = 0

  /** @param descriptors How many files it may have open. @default as many as this process */
  static async start(options: ServerOptions = {}, descriptors?: number): Promise<ServerProcess> {
    const limit = descriptors === undefined ? '' : `ulimit -n ${descriptors}; `
    const flags = ['--no-warnings', '--import', 'tsx', '--expose-gc', SERVER, JSON.stringify(options)]
    const child = spawn('sh', ['-c', `${limit}exec "$0" "$@"`, process.execPath, ...flags], {
      cwd: ROOT,
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    const [{ port }] = (await once(child, 'message')) as [{ port: number }]
    return new ServerProcess(child, port)
  }

  private constructor(child: ChildProcess, port: number) {
    this.#child = child
    this.port = port
    this.#ended = once(child, 'exit').then(() => Promise.reject(new Error('the server has ended')))
    // Only who waits for it cares.
    this.#ended.catch(() => {})
    child.on('message', ({ id, result }: { id: number; result: never }) => {
      this.#pending.get(id)?.(result)
      this.#pending.delete(id)
    })
  }

  tell<N extends keyof Commands>(
    name: N,
    ...[argument]: Commands[N][0] extends undefined ? [] : [Commands[N][0]]
  ): Promise<Commands[N][1]> {
    const id = ++this.#commands
    this.#child.send({ id, name, argument })
    const result = new Promise<Commands[N][1]>((resolve) => this.#pending.set(id, resolve))
    return Promise.race([result, this.#ended])
  }

  /** Blocks the event loop. Resolves when it stands still, with a wait for its end. */
  async block(ms: number): Promise<{ over: () => Promise<undefined> }> {
    const standing = new Promise<undefined>((resolve) => this.#pending.set(STANDS_STILL, resolve))
    const blocked = this.tell('block', ms)
    await Promise.race([standing, blocked])
    return { over: () => blocked }
  }

  status(): Promise<ServerStatus> {
    return this.tell('status')
  }

  /** Looks at the status, again and again, until it is as wanted. Gives the last one, also where it never was. */
  async settled(isSettled: (status: ServerStatus) => boolean, deadlineMs = 30_000): Promise<ServerStatus> {
    const deadline = performance.now() + deadlineMs
    let status = await this.status()
    while (!isSettled(status) && performance.now() < deadline) status = await this.status()
    return status
  }

  async stop(): Promise<void> {
    const ended = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await ended
  }
}
