import type { Clock } from '../../ground/clock.ts'
import { BATCH_LINES, type Batch, readBody } from './body.ts'
import {
  BodyBudget,
  type BodyRoom,
  type BodySender,
  type BodySource,
  type BudgetRefusal,
} from './body-budget.ts'
import { PollMessages } from './messages.ts'
import type { ResolvedLongPollOptions } from './options.ts'
import { type PollHost, PollWire, type TakenStatus } from './poll-wire.ts'
import { type Shown, Tokens } from './token.ts'

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

/** The bodies that all clients of an entrance send at a time. */
const MAX_BODIES_BYTES = 268_435_456

/**
 * A head is given with answers for one window. Its client may show it for four more: until it polls (1.5), while that poll waits (1), and,
 * where the answer is lost, until it polls again (1.5).
 */
const HEAD_WINDOWS = 5

/** The sessions of one entrance on this node that are polled. */
export class Pollers implements PollHost {
  readonly clock: Clock
  readonly windowMs: number
  readonly messages = new PollMessages()
  /** Bytes of one body. */
  readonly bodyBytes: number
  readonly #tokens: Tokens
  readonly #payloadBytes: number
  readonly #budget: BodyBudget
  readonly #wires = new Map<string, PollWire>()
  /** The sessions of other nodes of which bodies come. */
  readonly #foreign = new Map<string, BodySender>()
  readonly #date = (): number => this.clock.date()
  readonly #wireOf = (session: string): PollWire | undefined => this.#wires.get(session)

  constructor({ clock, windowMs, secret, path, payloadBytes }: PollersOptions) {
    this.clock = clock
    this.windowMs = windowMs
    this.#tokens = new Tokens(secret, path, HEAD_WINDOWS * windowMs)
    this.#payloadBytes = payloadBytes
    this.bodyBytes = Math.min(payloadBytes * BATCH_LINES, Number.MAX_SAFE_INTEGER)
    const isBounded = Number.isFinite(payloadBytes)
    const ofSession = isBounded ? this.bodyBytes : Number.POSITIVE_INFINITY
    this.#budget = new BodyBudget(
      clock,
      ofSession,
      isBounded ? Math.max(MAX_BODIES_BYTES, ofSession) : Number.POSITIVE_INFINITY,
    )
  }

  /** The claims of a token of this entrance, of whatever node. */
  read(token: string): Shown<PollWire> | undefined {
    return this.#tokens.read(token, this.#date, this.#wireOf)
  }

  head(session: string, date: number): string {
    return this.#tokens.head(session, date)
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

  /** Room for the body of a session that is about to be read. */
  room(session: string, bytes: number, source: BodySource): BodyRoom | BudgetRefusal {
    const wire = this.#wires.get(session)
    if (wire !== undefined) return this.#budget.take(wire, bytes, source)
    const sender = this.#foreign.get(session) ?? this.#elsewhere(session)
    const room = this.#budget.take(sender, bytes, source)
    // Only now: a refusal leaves nothing here, and a sender whose own last body was cut to make room has just left.
    if (typeof room !== 'number') this.#foreign.set(session, sender)
    return room
  }

  #elsewhere(session: string): BodySender {
    const sender: BodySender = {
      bodyBytes: 0,
      sentAll: () => {
        // A body of no bytes may outlast its sender here: the one that is here now is another.
        if (this.#foreign.get(session) === sender) this.#foreign.delete(session)
      },
    }
    return sender
  }

  /** Cuts the bodies that are still to come. */
  cutBodies(): void {
    this.#budget.end()
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

const STATUSES: readonly PostAnswer['status'][] = [200, 400, 410, 413, 429, 500, 503]

/** The answer of another node, as it was written there; 500 for what is none. Never throws. */
export function readPostAnswer(text: string): PostAnswer {
  try {
    const { status, taken } = JSON.parse(text) as PostAnswer
    if (!STATUSES.includes(status)) return { status: 500 }
    return Number.isInteger(taken) ? { status, taken: Number(taken) } : { status }
  } catch {
    return { status: 500 }
  }
}

function answerOf({ frames, hasMore }: Batch, status: TakenStatus): PostAnswer {
  return hasMore && status === 200 ? { status: 413, taken: frames.length } : { status }
}
