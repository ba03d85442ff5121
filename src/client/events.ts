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
  let end: { readonly error?: ChannelError } | undefined
  let pulls: (() => void)[] = []
  const wake = (): void => {
    for (const pull of pulls) pull()
    pulls = []
  }
  const stop = (ended: { readonly error?: ChannelError }): void => {
    end ??= ended
    for (const off of offs) off()
    wake()
  }
  const offs = [
    source.on(event, (payload) => {
      waiting.push(payload)
      if (waiting.length > MAX_WAITING)
        stop({ error: new ChannelError({ topic: source.topic, event, reason: 'overloaded' }) })
      wake()
    }),
    source.onState((state) => {
      if (state === 'closed') stop({})
    }),
  ]
  return {
    [Symbol.asyncIterator]() {
      return this
    },
    async next() {
      while (waiting.length === 0 && end === undefined) {
        await new Promise<void>((resolve) => pulls.push(resolve))
      }
      if (waiting.length > 0 && end?.error === undefined) return { done: false, value: waiting.shift() }
      if (end?.error !== undefined) throw end.error
      return { done: true, value: undefined }
    },
    async return() {
      waiting.length = 0
      stop({})
      return { done: true, value: undefined }
    },
  }
}
