import type { LogPosition } from '../pubsub/log.ts'
import { MemoryLog, type MemoryLogOptions } from '../pubsub/memory-log.ts'
import type { LogAnswer, LogAsk } from './cluster-log-messages.ts'

/** The primary, as its logs see it. */
export interface RelayLogsHost {
  /** Tells an entry to all who want its topic. */
  tell(topic: string, position: LogPosition, text: string): void
  isWanted(topic: string): boolean
}

/** The logs of `cluster()`, in the memory of the primary: they outlive every worker, and end with it. */
export class RelayLogs {
  readonly #log: MemoryLog
  #isFull = false

  constructor(options: MemoryLogOptions, host: RelayLogsHost) {
    this.#log = new MemoryLog(options)
    this.#log.listen({
      entry: (topic, position, text) => host.tell(topic, position, text),
      hears: (topic) => host.isWanted(topic),
      full: () => {
        this.#isFull = true
      },
    })
  }

  answer(ask: LogAsk): LogAnswer {
    const answer = this.#answer(ask)
    if (!this.#isFull) return answer
    this.#isFull = false
    return { ...answer, isFull: true }
  }

  #answer(ask: LogAsk): LogAnswer {
    const { number, call, topic } = ask
    switch (call) {
      case 'append': {
        const { entries, limits } = ask
        const positions = entries.map(({ text, id }) => this.#log.append(topic, text, { ...limits, id }))
        return { number, positions }
      }
      case 'read':
        return { number, page: this.#log.read(topic, ask.after, ask.limits) }
      case 'forget':
        this.#log.forget(topic)
        return { number }
      default:
        return call satisfies never
    }
  }
}
