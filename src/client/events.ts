import { ChannelError } from './error.ts'

/** As much of a channel as an iterator listens to. */
interface Source {
  readonly topic: string
  on(event: string, handler: (payload: unknown) => void): () => void
  onState(handler: (state: string) => void): () => void
}

/** Payloads that may wait for the loop. */
const MAX_WAITING = 1000

/** The payloads of an event, from the call on. */
export function eventsOf(source: Source, event: string): AsyncIterableIterator<unknown> {
  const waiting: unknown[] = []
  const pulls: ((result: IteratorResult<unknown>) => void)[] = []
  const done = { done: true, value: undefined } as const
  let isOver = false
  let error: ChannelError | undefined
  const stop = (): void => {
    isOver = true
    for (const off of offs) off()
    for (const pull of pulls) pull(done)
  }
  const offs = [
    source.on(event, (value) => {
      const pull = pulls.shift()
      if (pull) pull({ done: false, value })
      else if (waiting.push(value) > MAX_WAITING) {
        error = new ChannelError(source.topic, event, 'overloaded')
        stop()
      }
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
      if (error) throw error
      if (waiting.length > 0) return { done: false, value: waiting.shift() }
      return isOver ? done : new Promise((resolve) => pulls.push(resolve))
    },
    async return() {
      waiting.length = 0
      stop()
      return done
    },
  }
}
