import { isAbortError, promised, settled } from '../ground/foreign.ts'
import type { Message } from '../protocol/message.ts'
import type { Broadcast } from '../pubsub/broadcast.ts'
import { type Ending, OVERLOADED } from './ending.ts'
import type { ChannelRuntime, Outlet, WaitingTopic } from './outlet.ts'
import { Due, isOfServer, type OfServer, Queue } from './queue.ts'
import { Later } from './result.ts'

/**
 * The turns of a channel: one callback at a time, and what comes meanwhile waits in order. A callback that returns no
 * promise costs none: the mailbox exists only while something waits.
 *
 * A class to extend, not a part to hold: a channel is one object, of which there are as many as joined topics.
 */
export abstract class Turns implements WaitingTopic {
  readonly runtime: ChannelRuntime
  readonly outlet: Outlet
  protected state: 'joined' | 'terminating' | 'ended' = 'joined'
  protected isBusy = false
  /** The end that is due when the callback that is at work is done. */
  protected ending: Ending | undefined
  #mailbox: Queue | undefined
  /** The leave that waits in the mailbox. */
  #leaving: Message | undefined
  #isDrainDue = false
  #isOverloaded = false

  constructor(runtime: ChannelRuntime, outlet: Outlet) {
    this.runtime = runtime
    this.outlet = outlet
  }

  /** Handles a message whose turn it is. */
  protected abstract handle(message: Message): void
  /** Answers a leave, and ends. */
  protected abstract leave(message: Message): void
  /** Answers a message for which there is no room. */
  protected abstract refuseToWait(message: Message): void
  /** Hands a broadcast whose turn it is to the callback that rewrites it. */
  protected abstract rewrite(broadcast: Broadcast): void
  /** False until its client knows that it is joined. */
  protected abstract get isTold(): boolean
  protected abstract crash(event: string, error: unknown): void
  protected abstract end(ending: Ending): void

  get waiting(): number {
    return this.#mailbox?.length ?? 0
  }

  get isLeaving(): boolean {
    return this.#leaving !== undefined
  }

  /** True where the server had more for it than may wait. */
  protected get hasOverflowed(): boolean {
    return this.#isOverloaded
  }

  receive(message: Message): void {
    // A listener of telemetry may have ended it on the way here.
    if (this.state !== 'joined') return this.outlet.redeliver([message])
    if (this.isBusy || this.#mailbox !== undefined || this.outlet.isFull) this.#enqueue(message)
    else this.handle(message)
    this.drain()
  }

  proceed(): void {
    this.drain()
  }

  overdue(): void {
    this.drain()
  }

  #enqueue(message: Message): void {
    this.#mailbox ??= new Queue(this.runtime.mailboxLimit)
    if (message.event === 'phx_leave' && this.#leaving === undefined) this.#leaving = message
    else if (!this.#mailbox.hasRoomForMessage) return this.refuseToWait(message)
    this.#mailbox.put(message)
  }

  /** Takes what waits, as long as nothing async is at work. */
  protected drain(): void {
    while (!this.isBusy && this.state === 'joined') {
      if (this.ending !== undefined) return this.end(this.ending)
      const next = this.#mailbox?.first
      if (next === undefined) {
        this.#mailbox = undefined
        return
      }
      const ofServer = isOfServer(next)
      if (ofServer && this.#isDrainDue) return
      if (!ofServer && next !== this.#leaving && this.outlet.isFull) return this.#awaitRoom()
      this.#mailbox?.take()
      if (!ofServer) this.handle(next)
      else if (next instanceof Due) next.run()
      else this.rewrite(next)
    }
  }

  /** A leave does not wait for as long as others hold all the room. */
  #awaitRoom(): void {
    if (this.#leaving !== undefined && this.outlet.isOverdue) return this.leave(this.#leaving)
    this.outlet.awaitRoom(this)
  }

  /** Runs a callback of the application that answers no message. */
  protected turn(event: string, callback: () => unknown, done?: (result: unknown) => void): void {
    this.isBusy = true
    try {
      const result = callback()
      const pending = promised(result)
      if (pending !== undefined) return this.#endLater(event, pending, done)
      this.isBusy = false
      if (this.state === 'joined') done?.(result)
    } catch (error) {
      this.crash(event, error)
    }
  }

  #endLater(event: string, pending: Promise<unknown>, done?: (result: unknown) => void): void {
    this.await(event, pending, (settled) => {
      this.isBusy = false
      done?.(settled)
      this.drain()
    })
  }

  /** Goes on when a promise of the application settles; its failure, or that of what follows, is a crash. */
  protected await(event: string, promise: Promise<unknown>, done: (result: unknown) => void): void {
    this.outlet.pending()
    const failed = (error: unknown): void => {
      if (this.state === 'joined' || !this.#isAbort(error)) this.crash(event, error)
    }
    promise
      .then(
        (result) => {
          this.outlet.settled()
          if (this.state === 'joined') done(result)
          else if (result instanceof Later) this.await(event, settled(result.promise), done)
        },
        (error) => {
          this.outlet.settled()
          failed(error)
        },
      )
      .catch(failed)
      .catch((error) => this.outlet.broke(error))
  }

  /** A promise that rejects because the signal told it of the channel's end: no news. */
  #isAbort(error: unknown): boolean {
    return error === this.ending?.reason || isAbortError(error)
  }

  protected rewriteLater(broadcast: Broadcast): void {
    if (this.#isOverloaded) return
    broadcast.keep()
    this.runLater(broadcast)
  }

  /** Never at once: a callback of the application must not run inside the loop over the subscribers, or in its own call. */
  protected runLater(item: OfServer): void {
    if (this.#isOverloaded || this.state !== 'joined') return
    this.#mailbox ??= new Queue(this.runtime.mailboxLimit)
    if (this.#mailbox.hasRoomFor(item)) this.#mailbox.put(item)
    else this.#isOverloaded = true
    if (this.#isDrainDue) return
    this.#isDrainDue = true
    // A callback that broadcasts what it rewrites would go on for ever: the event loop has a turn in between.
    if (this.isBusy) this.runtime.breath.later(() => this.#drainDue())
    else this.runtime.breath.soon(() => this.#drainDue())
  }

  #drainDue(): void {
    this.#isDrainDue = false
    try {
      // Else the join is answered so.
      if (this.#isOverloaded && this.isTold) this.#overload()
      this.drain()
    } catch (error) {
      this.outlet.broke(error)
    }
  }

  /** Nothing is left out in silence: the client is told that the channel ended, and comes back for the whole. */
  #overload(): void {
    if (this.state !== 'joined') return
    this.outlet.limitReached('limits.mailbox')
    this.end({ reason: OVERLOADED, last: 'phx_error' })
  }

  /** The messages that nobody takes any more; the leave is answered where the client left. */
  protected takeWaiting(hasLeft: boolean): Message[] | undefined {
    const waiting = this.#mailbox?.messagesBut(hasLeft ? this.#leaving : undefined)
    this.#mailbox = undefined
    return waiting
  }
}
