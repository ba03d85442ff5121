/** An envelope that comes so far behind the newest can still be told from a repeated one. */
const WINDOW = 4096
/** The limit of runs that are remembered: the one that was silent for longest is forgotten first. */
const RUNS = 256

interface RunWindow {
  newest: number
  /** Within {@link WINDOW} of the newest. */
  readonly recent: Set<number>
  heardAt: number
}

/**
 * Remembers which envelopes of each run of a node came already. Brokers may deliver one twice, and envelopes of
 * different topics may overtake each other, so the newest number alone says too little.
 */
export class Seen {
  readonly #runs = new Map<number, RunWindow>()
  #heard = 0

  /** True where this envelope is new; from then on it is not. One that is older than the window counts as seen. */
  first(run: number, sequence: number): boolean {
    const window = this.#runs.get(run) ?? this.#meet(run, sequence)
    window.heardAt = ++this.#heard
    if (sequence <= window.newest - WINDOW || window.recent.has(sequence)) return false
    window.recent.add(sequence)
    if (sequence > window.newest) slide(window, sequence)
    return true
  }

  #meet(run: number, sequence: number): RunWindow {
    if (this.#runs.size >= RUNS) this.#forgetOne()
    const window = { newest: sequence, recent: new Set<number>(), heardAt: 0 }
    this.#runs.set(run, window)
    return window
  }

  #forgetOne(): void {
    let [silent, heardAt] = [-1, Number.POSITIVE_INFINITY]
    for (const [run, window] of this.#runs)
      if (window.heardAt < heardAt) [silent, heardAt] = [run, window.heardAt]
    this.#runs.delete(silent)
  }
}

/** At most a window's worth of steps, however far the sequence jumps. */
function slide(window: RunWindow, newest: number): void {
  const upTo = Math.min(newest - WINDOW, window.newest)
  for (let old = window.newest - WINDOW; old <= upTo; old++) window.recent.delete(old)
  window.newest = newest
}
