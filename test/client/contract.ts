import { Binary, contract } from 'fastify-beryl/contract'
import { Type } from 'typebox'

// The contract of the server that the client is tried on: its browsers import it as well.

const Text = Type.Object({ text: Type.String() })
const Nothing = Type.Object({})

export const room = contract('room:*', {
  join: {
    payload: Type.Object({
      name: Type.String(),
      /** The way in which the join is to be answered. */
      how: Type.Optional(Type.String()),
    }),
    reply: Type.Object({ welcome: Type.String() }),
    error: Type.Object({
      reason: Type.Union([Type.Literal('unwelcome'), Type.Literal('busy')]),
      retry_after_ms: Type.Optional(Type.Integer()),
    }),
  },
  in: {
    echo: { payload: Text, reply: Text },
    refuse: { payload: Nothing, reply: Text, error: Type.Object({ reason: Type.Literal('not today') }) },
    queue: { payload: Nothing, reply: Nothing },
    say: { payload: Text, reply: Nothing },
    whisper: Text,
    bytes: { payload: Binary(), reply: Binary() },
    show: { payload: Binary(), reply: Nothing },
    rename: { payload: Text, reply: Nothing },
    /** Is never answered. */
    hang: { payload: Nothing, reply: Nothing },
    crash: { payload: Nothing, reply: Nothing },
    stop: { payload: Nothing, reply: Nothing },
  },
  out: { said: Text, heard: Type.Object({ n: Type.Integer() }), shown: Binary() },
  presence: Type.Object({ name: Type.String() }),
})

export type App = [typeof room]

/** The things that the server has seen of a topic, in order. */
export interface Seen {
  readonly joins: readonly { readonly at: number; readonly name: string }[]
  readonly leaves: readonly string[]
  readonly pushes: readonly string[]
  /** The tokens that `connect` was shown, in `params` and as `authToken`; and those of renewals. By the name in `params`. */
  readonly params: readonly string[]
  readonly authTokens: readonly string[]
  readonly renewals: readonly string[]
}

/** The orders that the server takes beside its socket. */
export interface Orders {
  /** Breaks all connections. */
  cut(): void
  /** Lets nobody in, or everybody again. */
  open(isOpen: boolean): void
  stop(): void
  start(): void
  /** Publishes `heard` with the numbers from `n`. */
  say(topic: string, n: number, count?: number): void
  /** Drops the log of a topic. */
  forget(topic: string): void
  /** Ends the channels of a topic from outside. */
  dismiss(topic: string, reason: string): void
  /** The position of a topic's log, as a page gets it over HTTP. */
  position(topic: string): { epoch: string; offset: number }
  /** Everything that was seen of a topic, and of those who called themselves by it. */
  seen(topic: string): Seen
}
