import { ErrorReply } from '@redis/client'
import { randomText } from '../ground/chance.ts'
import { KEEP_MS, type LogLimits, type LogPage, type LogPosition } from '../pubsub/log.ts'
import { type LinkLog, type NewEntry, NotTaken } from './driver.ts'
import { MARK } from './logged-message.ts'
import type { RedisChannels } from './redis-channels.ts'
import { OWN_ERROR, READ, type RedisScript } from './redis-scripts.ts'

/** Of chance. */
const EPOCH_BYTES = 9
const KEY_BYTES = 18

/** Sends one command over the connection that publishes. */
export type Ask = (args: readonly string[]) => Promise<unknown>

/** Redis says so before a script has written anything. */
const BEFORE = [
  OWN_ERROR,
  'OOM',
  'READONLY',
  'LOADING',
  'BUSY',
  'MASTERDOWN',
  'MISCONF',
  'NOREPLICAS',
  'MOVED',
  'ASK',
  'CLUSTERDOWN',
  'TRYAGAIN',
  'NOAUTH',
  'NOSCRIPT',
]

/**
 * Logs in Redis. Each topic has a hash with its state (`meta`), a stream of its entries, whose ids are their offsets, and a hash
 * with the offsets of the ids of entries; the part of their names in braces is the same. All that happens to them happens in
 * one script.
 */
export class RedisLog implements LinkLog {
  readonly #ask: Ask
  readonly #channels: RedisChannels
  /** The replication id of the server, or what else names it, for those that do not tell it in a script. */
  #replid = ''
  #isBehind = false

  constructor(ask: Ask, channels: RedisChannels) {
    this.#ask = ask
    this.#channels = channels
  }

  /** Asks the server who it is. Where it does not tell, the first use of a log says so. */
  async open(): Promise<void> {
    try {
      const info = String(await this.#ask(['INFO']))
      const [, replid = ''] = /master_replid:(\w+)/.exec(info) ?? /run_id:(\w+)/.exec(info) ?? []
      this.#replid = replid
    } catch (error) {
      if (!(error instanceof ErrorReply)) throw error
    }
  }

  async append(topic: string, entries: readonly NewEntry[], limits: LogLimits): Promise<LogPosition[]> {
    const mayBeIn = entries.some(({ id, isNew }) => id !== undefined && isNew !== true)
    const [, channel] = this.#channels.publishTo(topic)
    const further = [channel, MARK, mayBeIn ? '1' : '']
    for (const { id = '', text } of entries) further.push(id, text)
    this.#stepBehind()
    const [epoch = '', ...offsets] = await this.#call(this.#channels.append, topic, limits, further)
    return offsets.map((offset) => ({ epoch, offset: Number(offset) }))
  }

  async read(topic: string, after: number, limits: LogLimits): Promise<LogPage> {
    const answer = await this.#call(READ, topic, limits, [String(after)])
    const [epoch = '', offset, key = '', former = '', ...entries] = answer
    const previous = [...former.matchAll(/(\S+) (\d+)/g)].map(([, epoch = '', offset]) => ({
      epoch,
      offset: Number(offset),
    }))
    return { epoch, offset: Number(offset), key, previous, entries }
  }

  async forget(topic: string): Promise<void> {
    await this.#ask(['DEL', ...this.#keys(topic)])
  }

  /**
   * Redis writes first to whom it had something for last: to who publishes, before those who subscribe. Whoever has an answer to
   * come already is behind them.
   */
  #stepBehind(): void {
    if (this.#isBehind) return
    this.#isBehind = true
    const answered = (): void => {
      this.#isBehind = false
    }
    this.#ask(['PING']).then(answered, answered)
  }

  #keys(topic: string): [meta: string, stream: string, ids: string] {
    const name = this.#channels.logOf(topic)
    return [`${name}:meta`, `${name}:stream`, `${name}:ids`]
  }

  async #call(
    { sha, text }: RedisScript,
    topic: string,
    { size, ttlMs }: LogLimits,
    further: readonly string[],
  ): Promise<string[]> {
    const [meta, stream, ids] = this.#keys(topic)
    const chance = [randomText(EPOCH_BYTES), randomText(KEY_BYTES)] as const
    const own = [this.#replid, ...chance, String(size), String(ttlMs), String(KEEP_MS)] as const
    try {
      const args = ['EVALSHA', sha, '3', meta, stream, ids, ...own, ...further]
      return textsOf(await this.#evaluate(text, args))
    } catch (error) {
      throw wasBefore(error) ? new NotTaken(this.#why(error)) : error
    }
  }

  #why({ message }: ErrorReply): string {
    const { ifMoved } = this.#channels
    return message.startsWith('MOVED') && ifMoved !== undefined ? `${message}: ${ifMoved}` : message
  }

  /** The server forgets scripts when it restarts. */
  async #evaluate(text: string, args: readonly string[]): Promise<unknown> {
    try {
      return await this.#ask(args)
    } catch (error) {
      if (!(error instanceof ErrorReply && error.message.startsWith('NOSCRIPT'))) throw error
      return this.#ask(['EVAL', text, ...args.slice(2)])
    }
  }
}

function textsOf(answer: unknown): string[] {
  if (Array.isArray(answer)) return answer.map(String)
  throw new TypeError('the script gave no list')
}

function wasBefore(error: unknown): error is ErrorReply {
  return error instanceof ErrorReply && BEFORE.some((code) => error.message.startsWith(`${code} `))
}
