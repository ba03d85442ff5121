import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { AdapterStatus } from 'fastify-beryl'
import type { FromNode, NodeConfig, NodeStatus, ToNode } from './node.ts'

const NODE = fileURLToPath(new URL('node.ts', import.meta.url))

/** A node of a cluster, to be asked, stopped, killed and drained. */
export class NodeProcess {
  readonly port: number
  /** The turns of its adapter, one after the other. */
  readonly turns: AdapterStatus[] = []
  /** When it took another node for dead, by the clock of this process. */
  readonly declarations: number[] = []
  readonly #child: ChildProcess
  readonly #exited: Promise<number | null>
  readonly #pending = new Map<number, (status: NodeStatus | undefined) => void>()
  #questions = 0
  hasEnded = false

  static async start(config: NodeConfig): Promise<NodeProcess> {
    const child = fork(NODE, [JSON.stringify(config)], { execArgv: ['--no-warnings', '--import', 'tsx'] })
    const port = await new Promise<number>((resolve, reject) => {
      child.once('exit', () => reject(new Error('a node has ended while it started')))
      child.on('message', (message: FromNode) => {
        if ('port' in message) resolve(message.port)
      })
    })
    return new NodeProcess(child, port)
  }

  private constructor(child: ChildProcess, port: number) {
    this.#child = child
    this.port = port
    this.#exited = once(child, 'exit').then(([code]) => {
      this.hasEnded = true
      return code
    })
    child.on('message', (message: FromNode) => this.#take(message))
  }

  async status(rooms = 0): Promise<NodeStatus> {
    const status = await this.#ask((id) => ({ id, rooms }))
    if (status === undefined) throw new Error('a node has no status')
    return status
  }

  /** Hears so many further topics. */
  async hear(topics: number): Promise<void> {
    await this.#ask((id) => ({ id, hear: topics }))
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#exited
  }

  /** As an orchestrator ends it. Gives its exit code. */
  drain(): Promise<number | null> {
    this.#child.kill('SIGTERM')
    return this.#exited
  }

  freeze(): void {
    this.#child.kill('SIGSTOP')
  }

  thaw(): void {
    this.#child.kill('SIGCONT')
  }

  #ask(question: (id: number) => ToNode): Promise<NodeStatus | undefined> {
    const id = ++this.#questions
    this.#child.send(question(id))
    const answer = new Promise<NodeStatus | undefined>((resolve) => this.#pending.set(id, resolve))
    const ended = this.#exited.then(() => Promise.reject(new Error('a node has ended by itself')))
    return Promise.race([answer, ended])
  }

  #take(message: FromNode): void {
    if ('turned' in message) this.turns.push(message.turned)
    else if ('peerDown' in message) this.declarations.push(performance.now())
    else if ('id' in message) {
      this.#pending.get(message.id)?.(message.status)
      this.#pending.delete(message.id)
    }
  }
}
