/** The owner of a {@link Mailbox}: an object, not closures, so that a mailbox costs its owner next to nothing. */
export interface Receiver<M> {
  /** Handles one message. Whatever it returns other than `undefined` is awaited before the next one is handled. */
  receive(message: M): void | Promise<void>
  /** `receive` threw or rejected. The mailbox goes on with the next message unless it is closed here. */
  crashed(error: unknown, message: M): void
}

/**
 * A first-in-first-out queue of messages that are handled one at a time. While it is idle a message is handled within
 * {@link Mailbox.push} itself: a synchronous handler costs no promise, no closure, no timer and no turn of the event loop.
 * A message that is pushed from within a handler waits for its end.
 */
export class Mailbox<M> {
  readonly #receiver: Receiver<M>
  /** Made by the first message that has to wait: most mailboxes never see one. */
  #waiting: M[] | undefined = undefined
  #head = 0
  #busy = false
  #closed = false

  constructor(receiver: Receiver<M>) {
    this.#receiver = receiver
  }

  /** The number of messages that wait, the one that is being handled not among them. */
  get length(): number {
    return this.#waiting === undefined ? 0 : this.#waiting.length - this.#head
  }

  /** True while a message is being handled. */
  get busy(): boolean {
    return this.#busy
  }

  /** Hands over a message. After {@link Mailbox.close} it is dropped. */
  push(message: M): void {
    if (this.#closed) return
    if (this.#busy) {
      this.#waiting ??= []
      this.#waiting.push(message)
      return
    }
    this.#busy = true
    if (this.#handle(message)) this.#drain()
  }

  /** Takes out all that waits, oldest first. */
  clear(): readonly M[] {
    const waiting = this.#waiting?.slice(this.#head) ?? []
    this.#waiting = undefined
    this.#head = 0
    return waiting
  }

  /** Drops what is pushed from now on, and gives what waited. A message being handled goes on to its end. */
  close(): readonly M[] {
    this.#closed = true
    return this.clear()
  }

  #drain(): void {
    while (this.#waiting !== undefined) {
      const message = this.#shift(this.#waiting)
      if (!this.#handle(message)) return
    }
    this.#busy = false
  }

  #shift(waiting: M[]): M {
    const message = waiting[this.#head] as M
    this.#head += 1
    // Half of it is gone: each message is moved once at the most, and one that was handled is let go though others always wait.
    if (this.#head * 2 >= waiting.length) this.#keep(waiting.slice(this.#head))
    return message
  }

  #keep(rest: M[]): void {
    this.#waiting = rest.length === 0 ? undefined : rest
    this.#head = 0
  }

  /** @returns whether it was handled at once; otherwise the rest follows when it is done. */
  #handle(message: M): boolean {
    try {
      const pending = this.#receiver.receive(message)
      if (pending === undefined) return true
      pending.then(
        () => this.#drain(),
        (error: unknown) => {
          this.#receiver.crashed(error, message)
          this.#drain()
        },
      )
      return false
    } catch (error) {
      this.#receiver.crashed(error, message)
      return true
    }
  }
}
