import type { WireEvent } from './transcript.ts'

/** More than any step takes on a slow machine: only a step that never happens waits so long. */
const DEADLINE_MS = 20_000

/** All that arrived at a client, in order, until somebody asks for it. */
export class Arrivals {
  readonly #arrived: WireEvent[] = []
  #wake: () => void = () => {}
  #isOverdue = false

  get pending(): readonly WireEvent[] {
    return this.#arrived
  }

  push(event: WireEvent): void {
    this.#arrived.push(event)
    this.#wake()
  }

  /** The next thing that arrived, or arrives. */
  async next(): Promise<WireEvent> {
    const deadline = setTimeout(this.#overdue, DEADLINE_MS)
    while (this.#arrived.length === 0) {
      if (this.#isOverdue) throw new Error('nothing arrived')
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    clearTimeout(deadline)
    return this.#arrived.shift() as WireEvent
  }

  readonly #overdue = (): void => {
    this.#isOverdue = true
    this.#wake()
  }
}

/** The heartbeats by which a client finds out that all has arrived which the server had to say until now. */
export class Fences {
  readonly #waiting = new Map<string, () => void>()
  #count = 0

  /** Resolves when the answer to the heartbeat has come. */
  pass(isV1: boolean, send: (heartbeat: string) => void): Promise<void> {
    const ref = `fence-${this.#count++}`
    const passed = new Promise<void>((resolve) => this.#waiting.set(ref, resolve))
    const heartbeat = isV1
      ? { topic: 'phoenix', event: 'heartbeat', payload: {}, ref }
      : [null, ref, 'phoenix', 'heartbeat', {}]
    send(JSON.stringify(heartbeat))
    return passed
  }

  /** True for the answer to one of the heartbeats. */
  take(text: string): boolean {
    const ref = /"(fence-\d+)"/.exec(text)?.[1]
    if (ref === undefined) return false
    this.#waiting.get(ref)?.()
    this.#waiting.delete(ref)
    return true
  }

  /** No answer comes any more. */
  end(): void {
    for (const passed of this.#waiting.values()) passed()
  }
}
