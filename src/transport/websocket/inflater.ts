import { constants, inflateRaw, inflateRawSync, type ZlibOptions } from 'node:zlib'
import { WebSocket } from 'ws'
import type { Clock } from '../../ground/clock.ts'
import { patience } from '../../ground/watch.ts'
import { type Job, Pool } from './pool.ts'

const EXTENSION = 'permessage-deflate'
/** The end of a compressed message, which is left out on the wire (RFC 7692, 7.2.2). */
const TAIL = Buffer.from([0, 0, 0xff, 0xff])
/** So much may come out of a message on the event loop: it takes less time than to parse it. More does so in a thread. */
const AT_ONCE_BYTES = 65_536
/** So much may come out of the messages of one client in a turn of the event loop, in which it keeps all others waiting. */
const PER_TURN_BYTES = 65_536
/** A message takes as long as so many bytes of a large one, however small it is. */
const MESSAGE_BYTES = 1_024
/** A thread is waited for so long: they are the application's as well, which may keep them all at work. */
const PATIENCE_MS = 3_000
/** The largest window, which takes any message. */
const WINDOW_BITS = 15

type Inflated = (error: Error | null, message?: Buffer) => void

/** The part of ws's object for the extension by which its receiver and its sender go. */
interface Extension {
  readonly params: {
    readonly client_no_context_takeover?: boolean
    readonly server_no_context_takeover?: boolean
    readonly server_max_window_bits?: number
  }
  decompress(data: Buffer, isLast: boolean, done: Inflated): void
  cleanup(): void
}

/** ws has no public word for it. */
type Negotiating = WebSocket & { readonly _extensions?: { [EXTENSION]?: Extension } }

/**
 * Inflates what clients send, each message by itself. ws would keep an inflater for every client that ever sent a compressed
 * message, some 20 KiB, and send each message through a thread three times.
 */
export class Inflater {
  readonly #maxBytes: number
  readonly #clock: Clock
  readonly #pool = new Pool()
  /** At most one for each connection: its receiver waits for it. */
  #forNextTurn: (() => void)[] = []
  #turn = 0
  #isTurning = false

  /** @param maxBytes Of a message. 0: no limit, as ws has it. */
  constructor(maxBytes: number, clock: Clock) {
    this.#maxBytes = maxBytes === 0 ? Number.POSITIVE_INFINITY : maxBytes
    this.#clock = clock
  }

  /**
   * Takes over from ws what was negotiated, where the client sends each message by itself.
   *
   * @returns The bytes of a message up to which the client can inflate it; `undefined` where ws does not tell.
   */
  takeOver(ws: Negotiating): number | undefined {
    const extensions = ws._extensions
    const params = extensions?.[EXTENSION]?.params
    if (extensions === undefined || params === undefined) return undefined
    if (params.client_no_context_takeover === true) extensions[EXTENSION] = new MessageInflater(this, ws)
    const { server_max_window_bits: bits = WINDOW_BITS } = params
    return bits < WINDOW_BITS ? 2 ** bits : Number.POSITIVE_INFINITY
  }

  /** The turn of the event loop, by which clients have their turns counted. */
  get turn(): number {
    if (!this.#isTurning) {
      this.#isTurning = true
      this.#clock.setImmediate(() => this.#nextTurn())
    }
    return this.#turn
  }

  /** Calls `work` when the others have had their turn. */
  later(work: () => void): void {
    this.#forNextTurn.push(work)
  }

  #nextTurn(): void {
    this.#turn++
    this.#isTurning = false
    const works = this.#forNextTurn
    this.#forNextTurn = []
    for (const work of works) work()
  }

  /** Never calls `done` before it returns: the receiver of ws would go through what it has read in one recursion. */
  inflate(data: Buffer, done: Inflated): void {
    const most = Math.min(this.#maxBytes, AT_ONCE_BYTES)
    try {
      const message = inflateRawSync(data, optionsFor(data.length, most))
      queueMicrotask(() => done(null, message))
    } catch (error) {
      if (isTooLarge(error) && most < this.#maxBytes) this.#inThread(data, done)
      else queueMicrotask(() => done(refusalOf(error)))
    }
  }

  #inThread(data: Buffer, inflated: Inflated): void {
    const options = optionsFor(AT_ONCE_BYTES, this.#maxBytes)
    let isOver = false
    const over: Inflated = (error, message) => {
      if (isOver) return
      isOver = true
      timer.cancel()
      if (error === null) inflated(null, message)
      else inflated(refusalOf(error))
    }
    // Else its client, which is not read meanwhile, would be taken for a silent one.
    const timer = patience(this.#clock, PATIENCE_MS, () => {
      this.#pool.drop(job)
      inflateNow(data, options, over)
    })
    const job: Job = (leave) => {
      inflateRaw(data, options, (error, message) => {
        leave()
        over(error, message)
      })
    }
    this.#pool.add(job)
  }
}

/** The extension of one connection, in the place of ws's own. Between two messages it keeps nothing. */
class MessageInflater implements Extension {
  readonly #inflater: Inflater
  readonly #ws: WebSocket
  /** Of a message that comes in fragments: as many, and as large, as ws lets pass. */
  #fragments: Buffer[] | undefined
  #turn = -1
  /** Bytes of this turn. */
  #spent = 0

  constructor(inflater: Inflater, ws: WebSocket) {
    this.#inflater = inflater
    this.#ws = ws
  }

  decompress(data: Buffer, isLast: boolean, done: Inflated): void {
    const fragments = this.#fragments ?? []
    fragments.push(data)
    this.#fragments = isLast ? undefined : fragments
    if (!isLast) return queueMicrotask(() => done(null, EMPTY))
    const message = Buffer.concat([...fragments, TAIL])
    if (this.#mayGoOn()) this.#inflate(message, done)
    else this.#inflater.later(() => this.#inflate(message, done))
  }

  /** False where it has had its share of this turn. */
  #mayGoOn(): boolean {
    const { turn } = this.#inflater
    if (turn !== this.#turn) this.#spent = 0
    this.#turn = turn
    return this.#spent < PER_TURN_BYTES
  }

  #inflate(data: Buffer, done: Inflated): void {
    // Nobody hears what comes behind a close of ours.
    if (this.#ws.readyState !== WebSocket.OPEN) return queueMicrotask(() => done(null, EMPTY))
    this.#inflater.inflate(data, (error, message) => {
      this.#spent += MESSAGE_BYTES + (message?.length ?? 0)
      // ws reads the code from a symbol of its own, which only its own errors have.
      if (error !== null) this.#ws.close(isOverLimit(error) ? 1009 : 1007)
      done(error, message)
    })
  }

  cleanup(): void {
    this.#fragments = undefined
  }

  // Read where somebody else sends through the sender of ws: as it is

  get params(): Extension['params'] {
    return NO_CONTEXT
  }

  get _isServer(): boolean {
    return true
  }

  get _threshold(): number {
    return Number.POSITIVE_INFINITY
  }
}

const EMPTY = Buffer.alloc(0)
const NO_CONTEXT = Object.freeze({ client_no_context_takeover: true, server_no_context_takeover: true })
const OVER_LIMIT = 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH'

/** @param bytes of the message as it came */
function optionsFor(bytes: number, maxBytes: number): ZlibOptions {
  return {
    chunkSize: Math.min(16_384, Math.max(256, 4 * bytes)),
    finishFlush: constants.Z_SYNC_FLUSH,
    ...(Number.isFinite(maxBytes) ? { maxOutputLength: maxBytes } : {}),
  }
}

function inflateNow(data: Buffer, options: ZlibOptions, done: Inflated): void {
  let message: Buffer
  try {
    message = inflateRawSync(data, options)
  } catch (error) {
    return done(error as Error)
  }
  done(null, message)
}

function isTooLarge(error: unknown): boolean {
  return (error as { code?: string }).code === 'ERR_BUFFER_TOO_LARGE'
}

function isOverLimit(error: Error): boolean {
  return (error as { code?: string }).code === OVER_LIMIT
}

/** The error by which ws itself would refuse the message. */
function refusalOf(error: unknown): Error {
  if (isTooLarge(error))
    return Object.assign(new RangeError('Max payload size exceeded'), { code: OVER_LIMIT })
  return error as Error
}
