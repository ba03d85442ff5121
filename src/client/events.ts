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
  let isOver = false
  let error: ChannelError | undefined
  let wake = (): void => {}
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
  async function* payloads(): AsyncGenerator<unknown, undefined> {
    for (;;)
      if (error) throw error
      else if (waiting.length > 0) yield waiting.shift()
      else if (isOver) return
      else
        await new Promise<void>((resolve) => {
          wake = resolve
        })
  }
  const loop = payloads()
  const end = loop.return
  // Also where nothing was asked for yet, and where it waits.
  loop.return = () => {
    stop()
    return end.call(loop, undefined)
  }
  return loop
}
