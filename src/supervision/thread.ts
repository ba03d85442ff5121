import {
  BroadcastChannel,
  getEnvironmentData,
  setEnvironmentData,
  Worker,
  type WorkerOptions,
} from 'node:worker_threads'
import { refuseArgument } from '../ground/argument.ts'
import { berylError } from '../ground/errors.ts'
import { checkKeys, checkNonEmpty, isInstance } from './check.ts'
import { type ChildInit, type ChildPolicy, checkPolicy, POLICY_KEYS } from './child-spec.ts'
import { type ExitReason, whenKilled } from './exit-reason.ts'
import type { Process, StartContext } from './process.ts'

const PASSPORT = 'fastify-beryl:thread'

/** A thread's knowledge of itself, copied into it when it is made. */
interface Passport {
  readonly path: string
  readonly incarnation: number
  /** The name of the channel between the thread and its process here. */
  readonly control: string
}

type ControlMessage = 'hello' | 'ready' | 'shutdown'

/** The options of {@link thread}: how it is kept, and what `new Worker` takes of them. */
export interface ThreadOptions
  extends Partial<ChildPolicy>,
    Pick<WorkerOptions, 'workerData' | 'resourceLimits' | 'env' | 'argv' | 'execArgv' | 'transferList'> {
  /** True: its start waits until the thread calls `ready()`, not only until its code begins to run. @default false */
  readonly awaitReady?: boolean | undefined
}

/**
 * A child in a thread of its own (`node:worker_threads`): the one kind that can be killed for good, whatever its code is
 * doing, and whose memory can be limited (`resourceLimits`). The price is the border: no shared objects, messages are
 * copied, and each thread costs some megabytes and milliseconds. Its handle is the `Worker`.
 *
 * Inside, {@link threadContext} tells it of its incarnation and of being asked to end. A thread that never called it
 * cannot be asked and is ended at once.
 *
 * @param url the module that the thread runs
 */
export function thread<const I extends string>(
  id: I,
  url: URL | string,
  given: ThreadOptions = {},
): ChildInit<ThreadProcess, I> {
  checkNonEmpty('thread', 'id', id)
  const isUrl = isInstance(url, URL) || (typeof url === 'string' && url !== '')
  if (!isUrl) refuseArgument('thread', 'url', 'a URL or the path of a module', url)
  checkKeys('thread', 'options', given, [...WORKER_KEYS, ...POLICY_KEYS])
  const {
    awaitReady = false,
    workerData,
    resourceLimits,
    env,
    argv,
    execArgv,
    transferList,
    ...policy
  } = given
  if (typeof awaitReady !== 'boolean') refuseArgument('thread', 'awaitReady', 'a boolean', awaitReady)
  checkPolicy('thread', policy)
  const options = withoutUndefined({ workerData, resourceLimits, env, argv, execArgv, transferList })
  return {
    ...policy,
    id,
    start: (context) => new ThreadProcess(context, url, options).begin(awaitReady, context.signal),
  }
}

const WORKER_KEYS: readonly string[] = [
  'awaitReady',
  'workerData',
  'resourceLimits',
  'env',
  'argv',
  'execArgv',
  'transferList',
] satisfies Exclude<keyof ThreadOptions, keyof ChildPolicy>[]

let threads = 0

/** The process of a {@link thread}. */
export class ThreadProcess implements Process {
  readonly exited: Promise<ExitReason>
  readonly handle: Worker
  readonly #path: string
  readonly #control: BroadcastChannel
  #listening = false
  #started: () => void = () => {}
  #asked: ExitReason | undefined = undefined
  #failure: { readonly error: unknown } | undefined = undefined
  #terminated = false

  constructor(context: StartContext, url: URL | string, options: WorkerOptions) {
    threads += 1
    const control = `${PASSPORT}:${process.pid}:${threads}`
    this.#path = context.path
    this.#control = new BroadcastChannel(control)
    this.#control.onmessage = ({ data }: { data: unknown }) => this.#hear(data)
    this.#control.unref()
    this.handle = this.#make({ path: context.path, incarnation: context.incarnation, control }, url, options)
    this.exited = new Promise((resolve) => {
      this.handle.once('exit', (code) => resolve(this.#exitOf(code)))
    })
    this.handle.on('error', (error: unknown) => {
      this.#failure = { error }
    })
  }

  #make(passport: Passport, url: URL | string, options: WorkerOptions): Worker {
    try {
      return makeWorker(passport, url, options)
    } catch (error) {
      // No exit will close it.
      this.#control.close()
      throw error
    }
  }

  /** Waits until the thread runs, or says that it is ready. @internal */
  async begin(awaitReady: boolean, signal: AbortSignal): Promise<this> {
    const forget = whenKilled(signal, () => this.kill())
    const started = new Promise<'started'>((resolve) => {
      this.#started = () => resolve('started')
      if (!awaitReady) this.handle.once('online', this.#started)
    })
    const first = await Promise.race([started, this.exited])
    forget()
    if (first === 'started') return this
    throw (
      this.#failure?.error ??
      berylError('BERYL_ERR_EXITED', this.#path, 'the thread ended before it was ready')
    )
  }

  shutdown(reason: ExitReason): void {
    this.#asked ??= reason
    if (this.#listening) this.#control.postMessage('shutdown' satisfies ControlMessage)
    else this.#terminate()
  }

  kill(): void {
    this.#asked = 'killed'
    this.#terminate()
  }

  #terminate(): void {
    this.#terminated = true
    void this.handle.terminate()
  }

  #hear(message: unknown): void {
    if (message === 'hello') this.#listening = true
    if (message === 'ready') this.#started()
  }

  #exitOf(code: number): ExitReason {
    this.#control.close()
    if (this.#asked === 'killed') return 'killed'
    if (this.#failure !== undefined) return this.#failure
    if (code !== 0 && !this.#terminated) return { error: new Error(`the thread exited with code ${code}`) }
    return this.#asked ?? 'normal'
  }
}

/** The self-knowledge of a thread that {@link thread} started. */
export interface ThreadContext {
  readonly path: string
  readonly incarnation: number
  /** Aborted when the thread is asked to end; then it has `shutdownMs` to do so. */
  readonly signal: AbortSignal
  /** Ends the start of a thread with `awaitReady`. */
  ready(): void
}

let contextHere: ThreadContext | undefined

/** To be called in the thread's own module. It does not keep the thread alive. @throws where no supervisor started it */
export function threadContext(): ThreadContext {
  contextHere ??= makeContext()
  return contextHere
}

function makeContext(): ThreadContext {
  const passport = getEnvironmentData(PASSPORT)
  if (!isPassport(passport)) throw berylError('BERYL_ERR_NOPROC', 'thread supervisor')
  const { path, incarnation } = passport
  const aborter = new AbortController()
  const control = new BroadcastChannel(passport.control)
  control.onmessage = ({ data }: { data: unknown }) => {
    if (data === 'shutdown') aborter.abort(berylError('BERYL_ERR_ASKED_TO_END', path, 'shutdown'))
  }
  control.unref()
  control.postMessage('hello' satisfies ControlMessage)
  const ready = (): void => control.postMessage('ready' satisfies ControlMessage)
  return { path, incarnation, signal: aborter.signal, ready }
}

function makeWorker(passport: Passport, url: URL | string, options: WorkerOptions): Worker {
  // The environment data of this moment is copied into the new thread: nobody else's thread sees it.
  setEnvironmentData(PASSPORT, { ...passport })
  try {
    return new Worker(url, options)
  } finally {
    setEnvironmentData(PASSPORT, undefined)
  }
}

function isPassport(value: unknown): value is Passport {
  return typeof value === 'object' && value !== null && 'control' in value && 'incarnation' in value
}

function withoutUndefined(options: Record<string, unknown>): WorkerOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}
