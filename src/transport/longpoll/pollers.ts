import type { Clock } from '../../ground/clock.ts'
import { type Batch, readBody } from './body.ts'
import { PollMessages } from './messages.ts'
import type { ResolvedLongPollOptions } from './options.ts'
import { type PollHost, PollWire, type TakenStatus } from './poll-wire.ts'
import { type Claims, Tokens } from './token.ts'

/** The entrance of pollers, and the node. */
export interface PollersOptions extends ResolvedLongPollOptions {
  readonly clock: Clock
  /** With the prefix of its scope. */
  readonly path: string
  /** Bytes of one message. */
  readonly payloadBytes: number
}

/** The answer to a POST. `taken`: so many lines, where there were more than may be. */
export interface PostAnswer {
  readonly status: TakenStatus | 413 | 503
  readonly taken?: number
}

/** A session lives so many windows after its last answer at the most: the poll that waits for it, and the time after. */
const TOKEN_WINDOWS = 4

/** The sessions of one entrance on this node that are polled. */
export class Pollers implements PollHost {
  readonly clock: Clock
  readonly windowMs: number
  readonly messages = new PollMessages()
  readonly #tokens: Tokens
  readonly #payloadBytes: number
  readonly #wires = new Map<string, PollWire>()

  constructor({ clock, windowMs, secret, path, payloadBytes }: PollersOptions) {
    this.clock = clock
    this.windowMs = windowMs
    this.#tokens = new Tokens(secret, path, TOKEN_WINDOWS * windowMs)
    this.#payloadBytes = payloadBytes
  }

  /** The claims of a token of this entrance, of whatever node. */
  read(token: string): Claims | undefined {
    return this.#tokens.read(token, this.clock.date())
  }

  token(session: string, last: number): string {
    return this.#tokens.sign(session, last, this.clock.date())
  }

  get(session: string): PollWire | undefined {
    return this.#wires.get(session)
  }

  /** @param isReopened for a client that showed the token of a session that is gone */
  make(id: string, isReopened: boolean, left: () => void): PollWire {
    const wire = new PollWire(this, id, isReopened, left)
    this.#wires.set(id, wire)
    return wire
  }

  ended({ id }: PollWire): void {
    this.#wires.delete(id)
  }

  /** Hands the frames of a body to a session. */
  post(session: string, body: Buffer, isNdjson: boolean, done: (answer: PostAnswer) => void): void {
    const wire = this.#wires.get(session)
    if (wire === undefined) return done({ status: 410 })
    const batch = readBody(body, isNdjson, this.#payloadBytes)
    if (typeof batch !== 'number') return wire.take(batch.frames, (status) => done(answerOf(batch, status)))
    if (batch === 413) wire.session?.limitReached('limits.payloadBytes')
    done({ status: batch })
  }
}

function answerOf({ frames, hasMore }: Batch, status: TakenStatus): PostAnswer {
  return hasMore && status === 200 ? { status: 413, taken: frames.length } : { status }
}
