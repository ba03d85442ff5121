/** What the bench asks of a server process over its IPC channel, one request at a time. */
export type Command = 'usage' | 'memory' | 'heap' | 'stop'

/** CPU time of the whole process since it began, from `getrusage(2)`, in microseconds. */
export interface Usage {
  readonly userUs: number
  readonly systemUs: number
}

/** Memory right after full garbage collections, in bytes. */
export interface Memory {
  readonly residentBytes: number
  /** JavaScript objects. */
  readonly heapBytes: number
  /** Buffers and what native objects registered with V8. */
  readonly externalBytes: number
}

/** What a server process says: once its port, then an answer to each command but `stop`. */
export type Message =
  | { readonly kind: 'listening'; readonly port: number }
  | { readonly kind: 'usage'; readonly usage: Usage }
  | { readonly kind: 'memory'; readonly memory: Memory }
  | { readonly kind: 'heap'; readonly file: string }
