import { isCount, readFields } from '../ground/argument.ts'
import type { Clock } from '../ground/clock.ts'
import { berylError } from '../ground/errors.ts'
import { describe, promised, tell } from '../ground/foreign.ts'
import type { AppendOptions, LogLimits, LogListener, LogPage, LogPosition, PubSubLog } from '../pubsub/log.ts'
import { LogEntries } from '../pubsub/log-entries.ts'
import type { MaybePromise } from '../supervision/process.ts'

/** The log of an adapter may take so long to answer. */
export const ANSWER_MS = 5_000

const EPOCH = /^[\w-]{1,64}$/

/**
 * The one way to the log of an adapter, which is foreign code: it may throw, reject, hang, and answer nonsense. All of it comes
 * out as an error of the library's own: `BERYL_ERR_HISTORY_UNAVAILABLE` where nothing has happened, `BERYL_ERR_HISTORY_UNKNOWN` where that is not known.
 */
export class LogDoor {
  readonly #log: PubSubLog
  readonly #clock: Clock

  constructor(log: PubSubLog, clock: Clock) {
    this.#log = log
    this.#clock = clock
  }

  /** A failure of it is given to `failed`: entries are then heard of when the log is read. */
  listen(listener: LogListener, failed: (error: unknown) => void): void {
    tell(() => this.#log.listen(listener), failed)
  }

  append(topic: string, text: string, options: AppendOptions): MaybePromise<LogPosition> {
    return this.#ask(topic, () => this.#log.append(topicOf(topic), text, options), positionOf)
  }

  read(topic: string, after: number, { size, ttlMs }: LogLimits): MaybePromise<LogPage> {
    return this.#ask(topic, () => this.#log.read(topicOf(topic), after, { size, ttlMs }), pageOf)
  }

  forget(topic: string): MaybePromise<undefined> {
    return this.#ask(
      topic,
      () => this.#log.forget(topicOf(topic)),
      () => undefined,
    )
  }

  here(topic: string): LogEntries | undefined {
    try {
      const answer: unknown = this.#log.here?.(topicOf(topic))
      if (answer instanceof LogEntries) return answer
      promised(answer)?.catch(() => {})
    } catch {
      // As one that has nothing.
    }
    return undefined
  }

  /** True where the log is in this process: it answers at once. */
  get isHere(): boolean {
    return this.#log.here !== undefined
  }

  #ask<T>(topic: string, call: () => unknown, read: (answer: unknown) => T): MaybePromise<T> {
    try {
      const answer = call()
      const pending = promised(answer)
      return pending === undefined ? read(answer) : this.#wait(topic, pending, read)
    } catch (error) {
      throw failureOf(topic, error)
    }
  }

  #wait<T>(topic: string, pending: Promise<unknown>, read: (answer: unknown) => T): Promise<T> {
    return new Promise((resolve, reject) => {
      const late = (): void => reject(unknown(topic, `no answer within ${ANSWER_MS} ms`))
      const timer = this.#clock.setTimeout(late, ANSWER_MS)
      const failed = (error: unknown): void => reject(failureOf(topic, error))
      const answered = (answer: unknown): void => {
        timer.cancel()
        try {
          resolve(read(answer))
        } catch (error) {
          failed(error)
        }
      }
      pending.then(answered, (error) => {
        timer.cancel()
        failed(error)
      })
    })
  }
}

/** True where the log has surely not done what it was asked. */
export function isUnavailable(error: unknown): boolean {
  return codeOf(error) === 'BERYL_ERR_HISTORY_UNAVAILABLE'
}

/** The name of a topic at the adapter: the same under which the pubsub subscribes to it. */
function topicOf(topic: string): string {
  return `topic:${topic}`
}

/** The topic that an adapter names so. */
export function topicNamed(name: string): string {
  return name.slice('topic:'.length)
}

function positionOf(answer: unknown): LogPosition {
  return positionIn(readFields(answer) ?? {})
}

function positionIn({ epoch, offset }: Readonly<Record<string, unknown>>): LogPosition {
  if (!isEpoch(epoch) || !isCount(offset)) throw new TypeError('the log gave no position')
  return { epoch, offset }
}

function pageOf(answer: unknown): LogPage {
  const fields = readFields(answer) ?? {}
  const { previous, key, entries } = fields
  const { epoch, offset } = positionIn(fields)
  const areTexts =
    Array.isArray(entries) && entries.length <= offset && entries.every((text) => typeof text === 'string')
  if (!areTexts || typeof key !== 'string' || !Array.isArray(previous))
    throw new TypeError('the log gave no page')
  return { epoch, offset, key, entries, previous: previous.map(positionOf) }
}

function isEpoch(value: unknown): value is string {
  return typeof value === 'string' && EPOCH.test(value)
}

function failureOf(topic: string, error: unknown): Error {
  const code = codeOf(error)
  if (code === 'BERYL_ERR_HISTORY_UNAVAILABLE' || code === 'BERYL_ERR_HISTORY_UNKNOWN') return error as Error
  return unknown(topic, describe(error), error)
}

function unknown(topic: string, why: string, cause?: unknown): Error {
  return berylError('BERYL_ERR_HISTORY_UNKNOWN', topic, why, { cause })
}

function codeOf(error: unknown): unknown {
  try {
    return error instanceof Error && 'code' in error ? error.code : undefined
  } catch {
    return undefined
  }
}
