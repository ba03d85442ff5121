import type { Claim } from '../history/resumption.ts'
import { unwritable } from '../protocol/carried.ts'
import type { Frame } from '../protocol/frame.ts'
import { type JsonText, type Ref, SharedText } from '../protocol/message.ts'
import { Broadcast } from '../pubsub/broadcast.ts'
import { LoggedBroadcast } from '../pubsub/logged.ts'
import type { CompiledChannel } from './definition.ts'
import { GAP } from './ending.ts'
import type { Feed } from './feed.ts'
import { type Held, hold, NOTHING, OVERFLOWED } from './gate.ts'
import { type Followed, HistoryFeed } from './history-feed.ts'
import { checkOut } from './outgoing.ts'
import type { ChannelRuntime, Outlet } from './outlet.ts'
import { PresenceFeed } from './presence-feed.ts'
import { type ReadJoin, withPosition } from './resume-key.ts'
import { Turns } from './turns.ts'

/**
 * Tells a channel's client what it has not asked for: broadcasts, pushes, and the state of presence. All of it waits behind
 * a gate until the client knows that it is joined.
 *
 * A class to extend, as {@link Turns} is.
 */
export abstract class Telling extends Turns implements Followed {
  readonly topic: string
  readonly joinRef: Ref
  readonly definition: CompiledChannel
  slot = -1
  /** The join_ref of pushes and replies: where it is null, Phoenix puts the ref of the join in its place. */
  protected readonly wireRef: Ref
  /** Messages that came while the gate is closed; `undefined` when it is open. */
  #held: Held | undefined = NOTHING
  #isTold = false
  /** Most channels have none, and pay one check. */
  protected readonly feed: Feed | undefined
  /** Of a client that asked for positions: stands before the other feeds. */
  protected readonly history: HistoryFeed | undefined

  constructor(
    runtime: ChannelRuntime,
    outlet: Outlet,
    definition: CompiledChannel,
    { message: join, claim }: ReadJoin,
  ) {
    super(runtime, outlet)
    this.topic = join.topic
    this.joinRef = join.joinRef
    this.definition = definition
    this.wireRef = join.joinRef ?? join.ref
    const presence = definition.presence && new PresenceFeed(runtime.presence, this)
    const { history } = runtime
    const follows = claim !== undefined && definition.history !== undefined
    this.history = follows && history ? new HistoryFeed(history, this, presence) : undefined
    this.feed = this.history ?? presence
  }

  deliver(broadcast: Broadcast): void {
    if (this.feed?.takes(broadcast) === false) return
    if (this.#held !== undefined) return this.#hold(this.#held, broadcast)
    if (this.definition.intercept.has(broadcast.event)) return this.rewriteLater(broadcast)
    this.#send(broadcast)
  }

  #send(broadcast: Broadcast): void {
    const frame = broadcast.frame(this.outlet.codec)
    if (frame === null) broadcast.skipped++
    else this.outlet.send(frame)
  }

  caughtUp(): void {
    this.feed?.caughtUp()
  }

  // Positions and entries of the log, for a client that asked for them

  /** It is subscribed: finds the position at which its client goes on, where that has asked. */
  follow(claim: Claim | 'invalid' | undefined, mayResume: boolean): undefined | Promise<void> {
    const { topic, definition, outlet, runtime } = this
    const declared = definition.history
    if (declared === undefined) return undefined
    if (this.history === undefined || typeof claim !== 'object')
      return void runtime.history?.heard(topic, declared)
    return this.history.join({ topic, connectionId: outlet.id, declared, claim, mayResume })
  }

  /** The reply to the join, as the client gets it. */
  answerOf(reply: unknown): unknown {
    return this.history === undefined ? reply : withPosition(reply, this.history.position)
  }

  passBy(broadcast: Broadcast): void {
    if (broadcast instanceof LoggedBroadcast) this.history?.passBy(broadcast)
  }

  sendEntry(entry: LoggedBroadcast): number {
    const frame = entry.positioned(this.outlet.codec)
    if (frame !== null) this.outlet.send(frame)
    return frame?.length ?? 0
  }

  rewriteEntry(entry: LoggedBroadcast): boolean {
    if (!this.definition.intercept.has(entry.event)) return false
    this.rewriteLater(entry)
    return true
  }

  endForGap(): void {
    // A callback of the application must not run inside the loop over those who follow.
    this.runtime.clock.setImmediate(() => {
      try {
        this.end({ reason: GAP, last: 'phx_error' })
      } catch (error) {
        this.outlet.broke(error)
      }
    })
  }

  /** Sends a broadcast as `intercept` made it, and nothing for `undefined`. */
  protected rewritten(broadcast: Broadcast, payload: unknown): void {
    const { event } = broadcast
    const isEntry = this.history !== undefined && broadcast instanceof LoggedBroadcast
    if (payload !== undefined) {
      checkOut(this.definition, event, payload)
      this.#push(event, payload, isEntry ? broadcast.ref : undefined)
    }
    if (isEntry) this.history?.rewritten(payload === undefined)
  }

  /** Sends to the client, behind its contract. */
  push(event: string, payload: unknown): void {
    checkOut(this.definition, event, payload)
    this.#push(event, payload)
  }

  relay(event: string, payload: unknown): void {
    this.#push(event, payload)
  }

  pushState(event: string, state: JsonText): void {
    // The channel may have ended in the turn in which it was joined, and its terminate be at work.
    if (this.state !== 'joined') return
    const { codec } = this.outlet
    if (state instanceof SharedText && codec.encodeShared !== undefined && this.#isTold)
      this.outlet.send(codec.encodeShared(this.wireRef, this.topic, event, state))
    else this.#push(event, state)
  }

  #push(event: string, payload: unknown, ref?: string): void {
    if (this.#isDeaf) return
    const frame = this.#frameOf(event, payload, ref)
    // A `toJSON` may have ended it: nothing follows the last frame.
    if (this.#isDeaf) return
    if (frame === undefined) this.outlet.refused(this.topic, event, 'binary_unsupported')
    else if (this.#isTold) this.outlet.send(frame)
    else this.#held = hold(this.#held ?? NOTHING, frame, this.runtime.mailboxLimit)
  }

  /** It has ended; or it ends, and its client, who was not told of it, hears nothing of that. */
  get #isDeaf(): boolean {
    return this.state === 'ended' || (this.state === 'terminating' && !this.#isTold)
  }

  /** @throws `BERYL_ERR_PAYLOAD_INVALID` where the payload is no JSON */
  #frameOf(event: string, payload: unknown, ref: string | undefined): Frame | undefined {
    try {
      return this.outlet.codec.encodePush(this.wireRef, this.topic, event, payload, ref)
    } catch (cause) {
      throw unwritable(this.topic, event, cause)
    }
  }

  // The gate

  /** Its client knows that it is joined. */
  protected get isTold(): boolean {
    return this.#isTold
  }

  /** True where more came than may wait for the answer to the join: nobody was told of the channel, and it never begins. */
  get isOverloaded(): boolean {
    return this.#held === OVERFLOWED || this.hasOverflowed
  }

  #hold(held: Held, broadcast: Broadcast): void {
    if (held === OVERFLOWED) return
    // Encoded now, for what is no JSON is the broadcaster's fault.
    if (this.definition.intercept.has(broadcast.event)) broadcast.keep()
    else if (broadcast.frame(this.outlet.codec) === null) return void broadcast.skipped++
    this.#held = hold(held, broadcast, this.runtime.mailboxLimit)
  }

  /** The answer to the join is on its way. */
  told(): void {
    this.#isTold = true
    // Nothing can have been missed, and what `joined` broadcasts is heard in its order.
    if (this.#held === NOTHING) this.#held = undefined
  }

  protected openGate(): void {
    const held = this.#held ?? NOTHING
    this.#held = undefined
    for (const one of held) {
      if (this.state !== 'joined') return
      if (one instanceof Broadcast) this.deliver(one)
      else this.outlet.send(one)
    }
  }

  /** It has ended: nothing is held for anybody. */
  protected closeGate(): void {
    if (this.#held !== undefined) this.#held = NOTHING
  }
}
