/** One end of a channel between a worker and the primary, which keeps the order. */
export interface Port {
  /** Never throws: a channel that is closed tells `ended`. */
  send(message: object): void
  /** Calls `took` for each message, `ended` once when the channel is closed. The returned function ends that. */
  listen(took: (message: unknown) => void, ended: () => void): () => void
}

/** A process, or a worker as the primary sees it. */
interface Talking {
  send?(message: object, handle: undefined, options: object, done: (error: Error | null) => void): boolean
  on(event: string, listener: (message: unknown) => void): unknown
  off(event: string, listener: (message: unknown) => void): unknown
}

export function portOf(talking: Talking): Port {
  return {
    send(message) {
      // With a function to tell, a closed channel throws nothing; `disconnect` says it.
      talking.send?.(message, undefined, {}, () => {})
    },
    listen(took, ended) {
      talking.on('message', took)
      talking.on('disconnect', ended)
      return () => {
        talking.off('message', took)
        talking.off('disconnect', ended)
      }
    },
  }
}

/** Those who listen in this worker. */
let listening = 0

/** A worker's own end. Without a node that listens it keeps nobody alive: a worker whose server has closed ends. */
export function ownPort(): Port {
  const port = portOf(process as Talking)
  return {
    send: port.send,
    listen(took, ended) {
      const end = port.listen(took, ended)
      listening++
      process.channel?.ref()
      return () => {
        end()
        if (--listening === 0) process.channel?.unref()
      }
    },
  }
}
