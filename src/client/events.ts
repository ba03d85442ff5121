import { ChannelError } from './error.ts'

/** As much of a channel as an iterator listens to. */
interface Source {
  readonly topic: string
  on(event: string, handler: (payload: unknown) => void): () => void
  onState(handler: (state: string, detail: object) => void): () => void
}

/** Payloads that may wait for the loop. */
const MAX_WAITING = 1000

/** The payloads of an event, from the call on. */
export function eventsOf(source: Source, event: string): AsyncIterableIterator<unknown> {
  const waiting: unknown[] = []
  let isOver = false
  let error: ChannelError | undefined
  let pulls: (() => void)[] = []
  const wake = (): void => {
    for (const pull of pulls) pull()
    pulls = []
  }
  const stop = (): void => {
    isOver = true
    for (const off of offs) off()
    wake()
  }
  const offs = [
    source.on(event, (payload) => {
      if (waiting.push(payload) > MAX_WAITING) {
        error = new ChannelError(source.topic, event, 'overloaded')
        stop()
      }
      wake()
    }),
    source.onState((state) => {
      if (state === 'closed') stop()
    }),
  ]
  return {
    [Symbol.asyncIterator]() {
      return this
    },
    async next() {
      while (waiting.length === 0 && !isOver) await new Promise<void>((resolve) => pulls.push(resolve))
      if (error) throw error
      return waiting.length > 0 ? { done: false, value: waiting.shift() } : { done: true, value: undefined }
    },
    async return() {
      waiting.length = 0
      stop()
      return { done: true, value: undefined }
    },
  }
}
