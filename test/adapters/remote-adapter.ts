import nodeCluster, { type Worker } from 'node:cluster'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { AdapterStatus, Deliver, PubSubAdapter, ReportStatus } from 'fastify-beryl'
import { portOf } from '../../src/adapters/port.ts'
import { Relay } from '../../src/adapters/relay.ts'
import type {
  AppendOptions,
  LogLimits,
  LogListener,
  LogPage,
  LogPosition,
  PubSubLog,
} from '../../src/pubsub/log.ts'

/** Of the log: the method and its arguments. */
type LogCall =
  | { readonly call: 'append'; readonly args: [topic: string, text: string, options: AppendOptions] }
  | { readonly call: 'read'; readonly args: [topic: string, after: number, limits: LogLimits] }
  | { readonly call: 'forget'; readonly args: [topic: string] }

type AdapterCall = {
  readonly call: 'start' | 'subscribe' | 'unsubscribe' | 'publish' | 'stop'
  readonly topic?: string
  readonly prefix?: string
  readonly bytes?: Uint8Array
}

/** With an id it is answered. */
export type Called = (AdapterCall | LogCall) & { readonly id?: number }

/** A worker's words: answers to calls, and all that comes by itself. */
export interface Told {
  readonly remote?: true
  readonly id?: number
  readonly error?: string
  readonly result?: unknown
  readonly entry?: Parameters<LogListener['entry']>
  readonly full?: true
  readonly status?: AdapterStatus
  readonly topic?: string
  readonly bytes?: Uint8Array
}

/** Real workers with a real relay between them, in this process, which is the primary. */
export class RemoteWorkers {
  readonly #relay = new Relay()
  readonly #idle: Worker[] = []
  readonly #all: Worker[] = []

  /** An adapter of a worker of its own: one that is idle, or a new one. */
  adapter(prefix = 'beryl:'): PubSubAdapter {
    return new RemoteAdapter(this, prefix)
  }

  async take(): Promise<Worker> {
    const idle = this.#idle.pop()
    if (idle !== undefined) return idle
    const worker = this.#fork()
    await once(worker, 'message')
    return worker
  }

  giveBack(worker: Worker): void {
    this.#idle.push(worker)
  }

  async end(): Promise<void> {
    await Promise.all(
      this.#all.map(async (worker) => {
        const exited = once(worker, 'exit')
        worker.process.kill('SIGKILL')
        await exited
      }),
    )
  }

  #fork(): Worker {
    nodeCluster.setupPrimary({
      exec: fileURLToPath(new URL('remote-worker.ts', import.meta.url)),
      args: [],
      execArgv: ['--import', 'tsx'],
      serialization: 'advanced',
    })
    const worker = nodeCluster.fork()
    this.#relay.attach(portOf(worker))
    this.#all.push(worker)
    return worker
  }
}

/** The log of a worker's adapter. */
class RemoteLog implements PubSubLog {
  listener: LogListener | undefined
  readonly #ask: (called: LogCall) => Promise<unknown>

  constructor(ask: (called: LogCall) => Promise<unknown>) {
    this.#ask = ask
  }

  listen(listener: LogListener): void {
    this.listener = listener
  }

  append(...args: [string, string, AppendOptions]): Promise<LogPosition> {
    return this.#ask({ call: 'append', args }) as Promise<LogPosition>
  }

  read(...args: [string, number, LogLimits]): Promise<LogPage> {
    return this.#ask({ call: 'read', args }) as Promise<LogPage>
  }

  async forget(...args: [string]): Promise<void> {
    await this.#ask({ call: 'forget', args })
  }
}

class RemoteAdapter implements PubSubAdapter {
  readonly name = 'cluster'
  readonly log = new RemoteLog((called) => this.#ask(called))
  readonly maxMessageBytes = 1_024 * 1_024 - 1_024
  status: AdapterStatus = 'down'
  readonly #workers: RemoteWorkers
  readonly #prefix: string
  #worker: Worker | undefined
  #deliver: Deliver = () => {}
  #report: ReportStatus = () => {}
  #calls = 0
  readonly #waiting = new Map<number, { resolve(result: unknown): void; reject(error: Error): void }>()

  constructor(workers: RemoteWorkers, prefix: string) {
    this.#workers = workers
    this.#prefix = prefix
  }

  async start(node: string, deliver: Deliver, report: ReportStatus): Promise<void> {
    this.#worker = await this.#workers.take()
    this.#deliver = deliver
    this.#report = report
    this.#worker.on('message', this.#told)
    await this.#ask({ call: 'start', topic: node, prefix: this.#prefix })
  }

  publish(topic: string, bytes: Uint8Array): void {
    this.#send({ call: 'publish', topic, bytes })
  }

  async subscribe(topic: string): Promise<void> {
    await this.#ask({ call: 'subscribe', topic })
  }

  unsubscribe(topic: string): void {
    this.#send({ call: 'unsubscribe', topic })
  }

  async stop(): Promise<void> {
    const worker = this.#worker
    if (worker === undefined) return
    if (worker.isConnected()) await this.#ask({ call: 'stop' })
    worker.off('message', this.#told)
    this.#worker = undefined
    this.status = 'down'
    this.#workers.giveBack(worker)
  }

  #ask(called: AdapterCall | LogCall): Promise<unknown> {
    const id = ++this.#calls
    return new Promise((resolve, reject) => {
      if (!this.#worker?.isConnected()) return reject(new Error('the worker is gone'))
      this.#waiting.set(id, { resolve, reject })
      this.#send({ ...called, id })
    })
  }

  #send(called: Called): void {
    // The workers may end before the node that spoke through one of them.
    if (this.#worker?.isConnected()) this.#worker.send(called, ignore)
  }

  readonly #told = ({ remote, id, error, result, entry, full, status, topic, bytes }: Told): void => {
    if (remote === undefined) return
    if (entry !== undefined) this.log.listener?.entry(...entry)
    if (full) this.log.listener?.full()
    if (status !== undefined) {
      this.status = status
      this.#report(status)
    }
    if (topic !== undefined && bytes !== undefined) this.#deliver(topic, bytes)
    if (id === undefined) return
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    if (error === undefined) waiting?.resolve(result)
    else waiting?.reject(new Error(error))
  }
}

function ignore(): void {}
