/** Handlers of one kind of event. The same function may be there twice. */
export class Listeners<Args extends readonly unknown[]> {
  readonly #entries = new Set<{ readonly handler: (...args: Args) => void }>()

  /** Gives what removes it. */
  add(handler: (...args: Args) => void): () => void {
    const entry = { handler }
    this.#entries.add(entry)
    return () => void this.#entries.delete(entry)
  }

  /** One that is removed by one handler is not called after it. */
  call(...args: Args): void {
    for (const entry of [...this.#entries]) if (this.#entries.has(entry)) call(entry.handler, args)
  }

  clear(): void {
    this.#entries.clear()
  }
}

/** An error of a handler is nobody else's: it is reported as if nobody had caught it. */
function call<Args extends readonly unknown[]>(handler: (...args: Args) => void, args: Args): void {
  try {
    handler(...args)
  } catch (error) {
    queueMicrotask(() => {
      throw error
    })
  }
}
