import type { FastifyBaseLogger } from 'fastify'
import { asError, describe, promised, tell, warnOf } from '../ground/foreign.ts'

export type Level = 'debug' | 'info' | 'warn' | 'error' | 'fatal'

/**
 * The application's logger, which is foreign code, as are its serializers and the errors that it is to print: what cannot
 * be written is written again with what can be printed of it, and nothing of it reaches whoever reports.
 */
export class LogLines {
  readonly #log: FastifyBaseLogger

  constructor(log: FastifyBaseLogger) {
    this.#log = log
  }

  /** True where a line would go anywhere: most are for debugging, and counting what nobody reads is expensive. */
  isWritten(level: Level): boolean {
    try {
      // So it is called in Fastify's stand-in for a logger that is switched off. A logger of the application's own may
      // have one function for all levels, too, and write.
      if (this.#log[level].name === 'noop') return false
      const { isLevelEnabled } = this.#log as { isLevelEnabled?: (level: string) => boolean }
      const answer: unknown = isLevelEnabled === undefined || isLevelEnabled.call(this.#log, level)
      if (typeof answer !== 'boolean') promised(answer)?.catch(() => {})
      return Boolean(answer)
    } catch {
      return true
    }
  }

  /** Never throws. */
  write(level: Level, fields: object, text: string): void {
    tell(
      () => this.#log[level](fields, text),
      () => this.#writePlain(level, fields, text),
    )
  }

  #writePlain(level: Level, fields: object, text: string): void {
    tell(
      () => this.#log[level](plain(fields), text),
      (error) => warnOf(`the logger failed at "${text}"`, error),
    )
  }
}

/** The printable part of the fields, as text and numbers alone. */
function plain(fields: object): object {
  const entries = Object.entries(fields).map(([name, value]) => [
    name === 'err' ? 'error' : name,
    text(value),
  ])
  return Object.fromEntries(entries)
}

function text(value: unknown): unknown {
  if (typeof value === 'string' || typeof value === 'number' || value === undefined) return value
  const error = asError(value)
  return error === value && typeof error.stack === 'string' ? error.stack : describe(value)
}
