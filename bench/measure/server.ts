import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Peer } from '../peers/catalog.ts'
import type { Command, Memory, Message, Order, Usage } from '../peers/commands.ts'
import { TLS_VARIABLE } from '../peers/listen.ts'
import { type Place, serverCommand } from './cores.ts'

export interface ServerOptions extends Place {
  readonly peer: Peer
  /** Folder for a CPU profile, written when the server stops. @default no profile */
  readonly profileTo?: string | undefined
  /** The broker between the nodes of a cluster. @default none */
  readonly brokerUrl?: string | undefined
}

/** A server is quiet when it used less than this in {@link QUIET_EVERY_MS}. */
const QUIET_US = 2_000
const QUIET_EVERY_MS = 50
const QUIET_ROUNDS = 200

/** `ws` finds these native helpers only where somebody installed them; a default installation has none. */
const WITHOUT_NATIVE_HELPERS = { WS_NO_BUFFER_UTIL: '1', WS_NO_UTF_8_VALIDATE: '1' }

/** A server in a process of its own. */
export class ServerProcess {
  readonly port: number
  readonly #child: ChildProcess

  static async start(options: ServerOptions): Promise<ServerProcess> {
    const [command, argv] = serverCommand(options, nodeArguments(options))
    const child = spawn(command, argv, {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: environment(options.peer),
    })
    const { port } = await answer(child, 'listening')
    return new ServerProcess(child, port)
  }

  private constructor(child: ChildProcess, port: number) {
    this.#child = child
    this.port = port
  }

  async usage(): Promise<Usage> {
    return (await this.#ask('usage')).usage
  }

  /** Collects garbage first. */
  async memory(): Promise<Memory> {
    return (await this.#ask('memory')).memory
  }

  /** Writes a heap snapshot after garbage collection and returns its file. */
  async heapSnapshot(): Promise<string> {
    return (await this.#ask('heap')).file
  }

  /** Waits until what happened before costs no more CPU time. */
  async quiet(): Promise<void> {
    let before = await this.usage()
    for (let round = 0; round < QUIET_ROUNDS; round += 1) {
      await delay(QUIET_EVERY_MS)
      const now = await this.usage()
      if (totalUs(now) - totalUs(before) < QUIET_US) return
      before = now
    }
    throw new Error(`process ${this.#child.pid} does not come to rest`)
  }

  /** Tells a node of a cluster what to do. */
  order(order: Order): void {
    this.#child.send(order)
  }

  /** The notes of a node since the order to take them. */
  async stamps(): Promise<Extract<Message, { kind: 'stamps' }>> {
    const asked = answer(this.#child, 'stamps')
    this.order({ kind: 'stamps' })
    return asked
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const gone = once(this.#child, 'exit')
    this.#child.send('stop' satisfies Command)
    await gone
  }

  #ask<K extends Exclude<Command, 'stop'>>(command: K): Promise<Extract<Message, { kind: K }>> {
    const asked = answer(this.#child, command)
    this.#child.send(command)
    return asked
  }
}

export function totalUs({ userUs, systemUs }: Usage): number {
  return userUs + systemUs
}

function environment({ tls }: Peer): NodeJS.ProcessEnv {
  const secure = tls ? { [TLS_VARIABLE]: '1' } : {}
  return { ...process.env, ...WITHOUT_NATIVE_HELPERS, ...secure, NODE_ENV: 'production' }
}

function nodeArguments({ peer, profileTo, brokerUrl }: ServerOptions): string[] {
  const argument = brokerUrl ?? peer.argument
  const profile = profileTo === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileTo}`]
  return ['--expose-gc', ...profile, peerFile(peer), ...(argument === undefined ? [] : [argument])]
}

function peerFile({ file, checkout }: Peer): string {
  if (checkout !== undefined) return resolve(checkout, `bench/dist/peers/${file}.js`)
  return fileURLToPath(new URL(`../peers/${file}.js`, import.meta.url))
}

/** The next message of `child`, which must be of this kind. @throws where the process ends instead */
function answer<K extends Message['kind']>(
  child: ChildProcess,
  kind: K,
): Promise<Extract<Message, { kind: K }>> {
  return new Promise((resolve, reject) => {
    const ended = () => reject(new Error(`server process ${child.pid} ended instead of saying ${kind}`))
    child.once('exit', ended)
    child.once('message', (message: Message) => {
      child.off('exit', ended)
      if (isKind(message, kind)) resolve(message)
      else reject(new Error(`server said ${message.kind} instead of ${kind}`))
    })
  })
}

function isKind<K extends Message['kind']>(
  message: Message,
  kind: K,
): message is Extract<Message, { kind: K }> {
  return message.kind === kind
}
