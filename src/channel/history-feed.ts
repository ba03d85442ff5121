import type { Histories } from '../history/histories.ts'
import type { Waiting } from '../history/pace.ts'
import { type Asker, Resumption, resume } from '../history/resumption.ts'
import type { Follower } from '../history/tail.ts'
import { JsonText } from '../protocol/message.ts'
import type { Broadcast } from '../pubsub/broadcast.ts'
import { LoggedBroadcast } from '../pubsub/logged.ts'
import type { Fed, Feed } from './feed.ts'
import { RESUME } from './resume-key.ts'

/** A client that is behind has so many bytes on their way to it, at the most. */
const UNSENT_BYTES = 64 * 1024

/** The channel that is told entries with their positions. */
export interface Followed extends Fed {
  /** Sends an entry; gives the bytes of its frame. */
  sendEntry(entry: LoggedBroadcast): number
  /** Hands an entry to the callback that rewrites it, where there is one: {@link HistoryFeed.rewritten} is called behind it. */
  rewriteEntry(entry: LoggedBroadcast): boolean
  /** Ends the channel: it has missed what it cannot be told any more. */
  endForGap(): void
}

/**
 * The entries of a log as one client is told of them: each once, in order, with its offset. A client that is behind is told from
 * the tail of the node, at its own pace, until it has caught up.
 *
 *     joining ──told of its join──▶ behind ◀──▶ live
 *        └─────────────────────────────┴──────────┴──lost, ended──▶ over
 */
export class HistoryFeed implements Feed, Follower {
  readonly #histories: Histories
  readonly #fed: Followed
  /** The feed of the presence, which this one stands before. */
  readonly #inner: Feed | undefined
  #state: 'joining' | 'behind' | 'live' | 'over' = 'joining'
  #resumption: Resumption | undefined
  /** The client has, or will not be told, all up to here. */
  #cursor = 0
  #isRewriting = false
  #isLost = false
  /** The client does not know its position. */
  #isUntold = false
  /** It is to be told as soon as nothing is before that. */
  #isDue = false
  /** Waits to tell the position. Made on first use: most clients are told entries. */
  #teller: Waiting | undefined

  constructor(histories: Histories, fed: Followed, inner: Feed | undefined) {
    this.#histories = histories
    this.#fed = fed
    this.#inner = inner
  }

  /** Finds the place to begin at. From here on nothing is missed. */
  join(asker: Asker): undefined | Promise<void> {
    const answer = resume(this.#histories, asker)
    if (answer instanceof Resumption) return this.#found(answer)
    return answer.then((resumption) => this.#found(resumption))
  }

  #found(resumption: Resumption): undefined {
    if (this.#state === 'over') return
    this.#resumption = resumption
    this.#cursor = resumption.since
    resumption.tail.followers.add(this)
  }

  get recovered(): boolean {
    return this.#resumption?.recovered === true
  }

  /** The position as the reply to the join has it. */
  get position(): object {
    const { epoch, offset, recovered } = this.#resumption as Resumption
    // Its offset is of a log that is over: in the epoch of the one that is there now it would name other entries.
    return { epoch: this.#isLost ? '' : epoch, offset, recovered }
  }

  /** The client is told of its join: the entries follow. */
  open(): void {
    if (this.#state !== 'joining') return
    if (this.#isLost) return this.#endForGap()
    this.#isUntold = this.#isBehind
    this.#isDue = this.#isUntold
    this.#state = 'behind'
    this.#pump()
  }

  end(): void {
    this.#state = 'over'
    this.#resumption?.tail.followers.delete(this)
    this.#histories.pumps.forget(this)
    if (this.#teller !== undefined) this.#histories.tells.forget(this.#teller)
  }

  // Feed

  begin(): void {
    this.#inner?.begin()
  }

  takes(broadcast: Broadcast): boolean {
    if (!(broadcast instanceof LoggedBroadcast)) return this.#inner?.takes(broadcast) ?? true
    if (this.#state === 'live') this.#take(broadcast)
    return false
  }

  caughtUp(): void {
    this.#inner?.caughtUp()
  }

  /** It passes this channel by. */
  passBy(broadcast: LoggedBroadcast): void {
    if (this.#state === 'live') this.#take(broadcast)
  }

  #take(entry: LoggedBroadcast): void {
    if (entry.offset <= this.#cursor) return
    if (entry.offset === this.#cursor + 1) this.#tell(entry)
    else this.#state = 'behind'
    if (this.#state === 'behind' && !this.#isRewriting) this.#pump()
  }

  /** Gives the bytes that it sent. */
  #tell(entry: LoggedBroadcast): number {
    this.#cursor = entry.offset
    if (this.#resumption?.isExcluded(entry.except)) return this.#passedBy()
    if (!this.#fed.rewriteEntry(entry)) return this.#fed.sendEntry(entry)
    this.#state = 'behind'
    this.#isRewriting = true
    return 0
  }

  /** `intercept` is done with an entry. */
  rewritten(isDropped: boolean): void {
    this.#isRewriting = false
    if (isDropped) this.#passedBy()
    if (this.#state === 'behind') this.#pump()
  }

  /** Another node, of another version, wrote what nobody here can read: it is in no client's way. */
  #passBy(): void {
    this.#cursor++
    this.#passedBy()
  }

  get #isBehind(): boolean {
    return this.#cursor < (this.#resumption?.tail.passed ?? 0)
  }

  /** Tells from the tail, as much as may be on its way. */
  #pump(): void {
    const tail = this.#resumption?.tail
    let room = this.#isBehind ? UNSENT_BYTES - this.#fed.outlet.unsentBytes : 0
    while (this.#state === 'behind' && !this.#isRewriting && this.#isBehind) {
      if (room <= 0) return this.#histories.pumps.wait(this)
      const entry = tail?.broadcast(this.#cursor + 1)
      if (entry !== undefined) room -= this.#tell(entry)
      else if (tail === undefined || tail.isGone(this.#cursor + 1)) return this.lost()
      else this.#passBy()
    }
    if (this.#state !== 'behind' || this.#isRewriting) return
    this.#state = 'live'
    if (this.#isDue) this.#sayPosition()
    else if (this.#isUntold) this.#tellSoon()
  }

  goOn(): void {
    if (this.#state === 'behind' && !this.#isRewriting) this.#pump()
  }

  // Positions without entries

  #passedBy(): 0 {
    this.#isUntold = true
    if (this.#state === 'live') this.#tellSoon()
    return 0
  }

  #tellSoon(): void {
    this.#teller ??= { goOn: () => this.#sayPosition() }
    this.#histories.tells.wait(this.#teller)
  }

  #sayPosition(): void {
    if (this.#state !== 'live' || !this.#isUntold) return
    this.#isUntold = false
    this.#isDue = false
    const position = { epoch: this.#resumption?.epoch, offset: this.#cursor }
    this.#fed.pushState(RESUME, new JsonText(JSON.stringify(position)))
  }

  // Follower

  renamed(): void {
    this.#isUntold = true
    this.#isDue = true
    this.#sayPosition()
  }

  lost(): void {
    if (this.#state === 'over') return
    // Whoever is not told of its join cannot be told of its end.
    this.#isLost = true
    if (this.#state !== 'joining') this.#endForGap()
  }

  #endForGap(): void {
    this.end()
    this.#fed.endForGap()
  }
}
