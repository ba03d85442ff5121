import type { Clock } from '../../ground/clock.ts'
import { MovedTimer } from '../../ground/moved-timer.ts'
import { forgivenMs } from '../../ground/watch.ts'
import type { Frame } from '../../protocol/frame.ts'
import type { Session } from '../../session/session.ts'
import type { Wire } from '../../session/wire.ts'
import type { Incoming } from './body.ts'
import type { BodySender } from './body-budget.ts'
import type { PollMessage, PollMessages } from './messages.ts'
import { tokenOf } from './token.ts'

/** A poll that waits for its answer. */
export interface Waiting {
  /** Once. */
  answer(body: string): void
  /** Grows while the operating system takes what was answered. */
  readonly sentBytes: number
  /** Its client has asked anew: what was not taken of the answer is for nobody. */
  cut(): void
}

/** The status of a POST whose frames were taken, or with which the session ended. */
export type TakenStatus = 200 | 400 | 410 | 429 | 500

/** Shared by all sessions of one entrance. */
export interface PollHost {
  readonly clock: Clock
  readonly windowMs: number
  readonly messages: PollMessages
  /** The head of a session's tokens from now on, at that date: see `Tokens`. */
  head(session: string, date: number): string
  /** The session has ended, and nothing of it is left. Once. */
  ended(wire: PollWire): void
}

/** The frames of one POST, and how many of them were taken. */
interface Post {
  readonly frames: readonly Incoming[]
  at: number
  readonly done: (status: TakenStatus) => void
}

const NOTHING: readonly PollMessage[] = []

/** A client that has not polled for so many windows is gone. */
const GONE_WINDOWS = 1.5

export function goneMs({ windowMs }: Pick<PollHost, 'windowMs'>): number {
  return GONE_WINDOWS * windowMs
}

/** The connection ended without a word, as a WebSocket does without a close frame. */
const WITHOUT_CLOSE = 1006
/** The server goes: no poll is let in any more. */
const RESTART = 1012

/**
 * A session's wire whose client asks for what there is. Messages are kept until a token shows that they have arrived: an answer
 * that is lost is given again.
 *
 *     open ──close, while messages are kept──▶ closing ──▶ gone
 *       └──close, terminate, no poll──────────────────────▶
 */
export class PollWire implements Wire, BodySender {
  /** The id of the connection. */
  readonly id: string
  readonly #host: PollHost
  readonly #left: () => void
  #session: Session | undefined
  #state: 'open' | 'closing' | 'gone' = 'open'
  #code = WITHOUT_CLOSE
  /** The messages that no token has confirmed. */
  #kept: readonly PollMessage[] = NOTHING
  /** The same, where they were not all made in one turn: those that were are the same array for all who are told them. */
  #gathered: PollMessage[] | undefined
  /** The number of the last message that was confirmed. */
  #confirmed = 0
  /** So many of those that are kept were in an answer, and no poll has shown that it came. */
  #unconfirmed = 0
  #waiting: Waiting | undefined
  /** The poll that was answered last, until another one comes. */
  #answered: Waiting | undefined
  readonly #timer: MovedTimer
  /** Opened for a client that believes its former session to go on: see {@link poll}. */
  #isReopened: boolean
  /** That of its tokens, for a window at the most. */
  #head = ''
  #headDate = Number.NEGATIVE_INFINITY
  #posts: Post[] | undefined
  #isPaused = false
  #isWorking = false
  #takenAtRest = 0
  /** Of the messages that no answer has carried yet; of all that are kept, where the last answer is asked for again. */
  bufferedBytes = 0
  /** Of the messages that an answer has carried, as often as it has. */
  sentBytes = 0
  bytesRead = 0
  bodyBytes = 0

  constructor(host: PollHost, id: string, isReopened: boolean, left: () => void) {
    this.#host = host
    this.id = id
    this.#isReopened = isReopened
    this.#left = left
    this.#timer = new MovedTimer(host.clock, host.windowMs, (lateMs) => this.#due(lateMs))
    this.#expectPoll()
  }

  /** Once. */
  carry(session: Session): void {
    this.#session = session
  }

  get session(): Session | undefined {
    return this.#session
  }

  /** A token for an answer that carries all that is kept. */
  issue(): string {
    const { clock, windowMs } = this.#host
    // Other nodes judge the age of a head by the date, which may jump: so does this.
    const date = clock.date()
    if (date - this.#headDate >= windowMs) {
      this.#head = this.#host.head(this.id, date)
      this.#headDate = date
    }
    return tokenOf(this.#head, this.#confirmed + this.#kept.length)
  }

  /** The head of the token that was issued last. */
  get head(): string {
    return this.#head
  }

  // The client's end

  /**
   * A poll, with the number of the last message that its client has. The one that waits is answered: there is one at a time.
   *
   * phoenix.js before 1.8 takes the 410 of a session that is gone for a first one, goes on with the new session, and its channels
   * never learn that they are not joined. Newer ones begin anew and never poll that session. Whoever does is sent back once more.
   */
  poll(last: number, bytes: number, waiting: Waiting): void {
    this.bytesRead += bytes
    this.#confirm(last)
    this.#answered?.cut()
    this.#answer(204)
    // A hook that sees the answer may end the session.
    if (this.#state === 'gone') return waiting.answer(this.#body(410))
    // All that has not arrived waits again: a client that confirms nothing is as slow a reader as one that fetches nothing.
    this.bufferedBytes = bytesOf(this.#kept)
    this.#waiting = waiting
    this.#answered = undefined
    if (this.#isReopened) return this.#end(WITHOUT_CLOSE, 500)
    if (this.#kept.length > 0) return this.#answer(200)
    if (this.#state === 'closing') return this.#end()
    this.#timer.move(this.#host.windowMs)
  }

  /** The connection of a poll is gone, or the poll has all of its answer: from here on its client may take its time for the next one. */
  gaveUp(waiting: Waiting): void {
    if (this.#waiting === waiting) this.#waiting = undefined
    else if (this.#answered !== waiting || this.#state === 'gone') return
    this.#expectPoll()
  }

  /** Frames of a POST, in order behind those of the POSTs before it, now or when the client is read again. */
  take(frames: readonly Incoming[], done: Post['done']): void {
    if (this.#state !== 'open') return done(410)
    this.#isReopened = false
    this.#posts ??= []
    this.#posts.push({ frames, at: 0, done })
    this.#work()
  }

  #work(): void {
    if (this.#isWorking) return
    this.#isWorking = true
    for (let post = this.#posts?.[0]; post !== undefined && !this.#isPaused; post = this.#posts?.[0]) {
      const frame = post.frames[post.at++]
      if (frame !== undefined && this.#state === 'open') this.#receive(frame)
      else this.#finish(post)
    }
    this.#isWorking = false
  }

  #receive({ data, isBinary }: Incoming): void {
    this.bytesRead += data.length
    this.#session?.receive(data, isBinary)
  }

  #finish(post: Post): void {
    this.#posts?.shift()
    if (this.#posts?.length === 0) this.#posts = undefined
    post.done(this.#state === 'open' ? 200 : statusOf(this.#code))
  }

  #confirm(last: number): void {
    const count = Math.min(last - this.#confirmed, this.#kept.length)
    if (count <= 0) return
    this.#gathered = count === this.#kept.length ? undefined : this.#kept.slice(count)
    this.#kept = this.#gathered ?? NOTHING
    this.#confirmed += count
    this.#unconfirmed -= count
  }

  // The server's end

  write(frames: Frame): void {
    if (this.#state !== 'open') return
    const messages = this.#host.messages.of(frames)
    for (const { bytes } of messages) this.bufferedBytes += bytes
    this.#keep(messages)
    this.#answer(200)
  }

  #keep(messages: readonly PollMessage[]): void {
    if (this.#kept.length > 0) {
      this.#gathered ??= [...this.#kept]
      for (const message of messages) this.#gathered.push(message)
    }
    this.#kept = this.#gathered ?? messages
  }

  /** The next poll is given all that is kept, and the one behind it is told that the session is over. */
  close(code: number): void {
    if (this.#state !== 'open') return
    this.#code = code
    if (this.#kept.length === 0 || code === RESTART) return this.#end(code)
    this.#state = 'closing'
    this.#isPaused = false
    this.#work()
  }

  terminate(): void {
    this.#end(WITHOUT_CLOSE)
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    this.#work()
  }

  #answer(status: 200 | 204): void {
    const waiting = this.#waiting
    if (waiting === undefined) return
    this.#waiting = undefined
    this.#answered = waiting
    const isAgain = this.#unconfirmed > 0
    this.#unconfirmed = this.#kept.length
    this.sentBytes += this.bufferedBytes
    if (!isAgain) this.bufferedBytes = 0
    waiting.answer(this.#body(status))
    // As in `poll`.
    if (this.#state !== 'gone') this.#expectPoll()
  }

  #body(status: number): string {
    const [first] = this.#kept
    const isOne = first !== undefined && this.#kept.length === 1
    const messages = isOne ? first.json : this.#kept.map(({ json }) => json).join()
    return `{"messages":[${messages}],"status":${status},"token":"${this.issue()}"}`
  }

  #expectPoll(): void {
    this.#takenAtRest = this.#taken
    this.#timer.move(goneMs(this.#host))
  }

  #due(lateMs: number): void {
    if (this.#waiting !== undefined) return this.#answer(204)
    const moreMs = forgivenMs(lateMs, goneMs(this.#host))
    if (moreMs > 0) this.#timer.move(moreMs)
    // A large answer may take its time on a slow line.
    else if (this.#takenAtRest === this.#taken) this.#end()
    else this.#expectPoll()
  }

  get #taken(): number {
    return this.#answered?.sentBytes ?? 0
  }

  /** @param status told to the poll that waits */
  #end(code = this.#code, status: 410 | 500 = 410): void {
    if (this.#state === 'gone') return
    this.#state = 'gone'
    this.#code = code
    this.#timer.cancel()
    this.#isPaused = false
    this.#kept = NOTHING
    this.#gathered = undefined
    this.bufferedBytes = 0
    this.#work()
    const waiting = this.#waiting
    this.#waiting = undefined
    waiting?.answer(this.#body(status))
    this.#host.ended(this)
    // As on a network: whoever closes learns of the end afterwards.
    queueMicrotask(() => {
      this.#session?.disconnected(code)
      this.#left()
    })
  }
}

/** The end of a session, as the POST with which it came is told. */
function statusOf(code: number): TakenStatus {
  switch (code) {
    case 1007:
      return 400
    case 1008:
      return 429
    case 1011:
      return 500
    default:
      return 410
  }
}

function bytesOf(messages: readonly PollMessage[]): number {
  return messages.reduce((sum, { bytes }) => sum + bytes, 0)
}
