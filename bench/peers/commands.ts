/** The questions of the bench to a server process over its IPC channel, one at a time. */
export type Command = 'usage' | 'memory' | 'heap' | 'stop'

/** The orders of the bench to a node of a cluster besides (`orders.ts`). */
export type Order =
  /** Broadcast `count` messages, numbered from `first`, in one turn. */
  | { readonly kind: 'say'; readonly first: number; readonly count: number }
  /** Broadcast `perTurn` messages in each of so many turns. */
  | {
      readonly kind: 'pace'
      readonly first: number
      readonly turns: number
      readonly perTurn: number
      readonly everyMs: number
    }
  /** Note from now on when each message is broadcast, and when it comes from the broker. */
  | { readonly kind: 'stamp' }
  /** Tell what was noted, and note no more. */
  | { readonly kind: 'stamps' }

/** Numbers of messages, and microseconds of a clock that all processes share; in the order of the events. */
export type Stamps = (readonly [number: number, us: number])[]

/** CPU time of the whole process since it began, from `getrusage(2)`, in microseconds. */
export interface Usage {
  readonly userUs: number
  readonly systemUs: number
}

/** Memory right after full garbage collections, in bytes. */
export interface Memory {
  readonly residentBytes: number
  /** The part of it that V8 keeps for new objects: it grows with the rate at which they are made, not with what stays. */
  readonly youngBytes: number
  /** JavaScript objects. */
  readonly heapBytes: number
  /** Buffers and what native objects registered with V8. */
  readonly externalBytes: number
  /** The most that was ever resident, without a collection. */
  readonly peakBytes: number
}

/** The words of a server process: once its port, then an answer to each command but `stop`, and to `stamps`. */
export type Message =
  | { readonly kind: 'listening'; readonly port: number }
  | { readonly kind: 'usage'; readonly usage: Usage }
  | { readonly kind: 'memory'; readonly memory: Memory }
  | { readonly kind: 'heap'; readonly file: string }
  | { readonly kind: 'stamps'; readonly sent: Stamps; readonly heard: Stamps }
