import { systemClock } from '../ground/clock.ts'
import type { PubSubAdapter } from './adapter.ts'
import { MemoryLog, type MemoryLogOptions } from './memory-log.ts'

/** The default adapter: there is one node, so there is nothing to carry. Its log is in the memory of the process. */
export function local(options: MemoryLogOptions = BY_DEFAULT): PubSubAdapter {
  return {
    name: 'local',
    isSolo: true,
    status: 'up',
    log: new MemoryLog(options),
    start() {},
    publish() {},
    subscribe() {},
    unsubscribe() {},
    stop() {},
  }
}

const BY_DEFAULT: MemoryLogOptions = { clock: systemClock, maxBytes: 67_108_864 }
