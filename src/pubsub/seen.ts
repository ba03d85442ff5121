/**
 * An envelope that comes so far behind the newest can still be told from a repeated one. An engine has several servers, and what is
 * on its way over one that stands still for seconds comes behind all that went over the others meanwhile.
 */
const WINDOW = 2 ** 20
/** Numbers are remembered by so many, a bit for each. */
const CHUNK = 4096
const CHUNKS = WINDOW / CHUNK
const WORD = 32
/** The limit of runs that are remembered: the one that was silent for longest is forgotten first. */
const RUNS = 256

interface RunWindow {
  /** All chunks below count as seen. */
  floor: number
  /** Those that came, by the number of the chunk: a broken envelope far ahead is one chunk more, and takes nothing from the others. */
  readonly chunks: Map<number, Uint32Array>
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
    const window = this.#runs.get(run) ?? this.#meet(run)
    window.heardAt = ++this.#heard
    return mark(window, sequence)
  }

  #meet(run: number): RunWindow {
    if (this.#runs.size >= RUNS) this.#forgetOne()
    const window = { floor: 0, chunks: new Map<number, Uint32Array>(), heardAt: 0 }
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

/** False where it was marked before, or is too old. */
function mark(window: RunWindow, sequence: number): boolean {
  const number = Math.floor(sequence / CHUNK)
  if (number < window.floor) return false
  const chunk = window.chunks.get(number) ?? open(window, number)
  const place = sequence % CHUNK
  const word = Math.floor(place / WORD)
  const former = chunk[word] ?? 0
  const marked = (former | (1 << (place % WORD))) >>> 0
  chunk[word] = marked
  return marked !== former
}

/** One chunk more: where there are too many, the lowest goes. */
function open(window: RunWindow, number: number): Uint32Array {
  const { chunks } = window
  const chunk = new Uint32Array(CHUNK / WORD)
  chunks.set(number, chunk)
  if (chunks.size <= CHUNKS + 1) return chunk
  const lowest = Math.min(...chunks.keys())
  chunks.delete(lowest)
  window.floor = lowest + 1
  return chunk
}
