/**
 * An envelope that comes so far behind the newest can still be told from a repeated one. An engine has several servers, and what is
 * on its way over one that stands still for seconds comes behind all that went over the others meanwhile.
 */
const WINDOW = 2 ** 20
/** Numbers are remembered by so many, a bit for each. */
const CHUNK = 4096
const WORD = 32
/** The limit of runs that are remembered: the one that was silent for longest is forgotten first. */
const RUNS = 256

interface RunWindow {
  newest: number
  /** Of those within {@link WINDOW} of the newest: which came, by the number of the chunk. */
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
    const window = this.#runs.get(run) ?? this.#meet(run, sequence)
    window.heardAt = ++this.#heard
    if (sequence <= window.newest - WINDOW || !mark(window, sequence)) return false
    if (sequence > window.newest) slide(window, sequence)
    return true
  }

  #meet(run: number, sequence: number): RunWindow {
    if (this.#runs.size >= RUNS) this.#forgetOne()
    const window = { newest: sequence, chunks: new Map<number, Uint32Array>(), heardAt: 0 }
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

/** False where it was marked before. */
function mark({ chunks }: RunWindow, sequence: number): boolean {
  const number = chunkOf(sequence)
  let chunk = chunks.get(number)
  if (chunk === undefined) {
    chunk = new Uint32Array(CHUNK / WORD)
    chunks.set(number, chunk)
  }
  const place = sequence % CHUNK
  const word = Math.floor(place / WORD)
  const former = chunk[word] ?? 0
  const marked = (former | (1 << (place % WORD))) >>> 0
  chunk[word] = marked
  return marked !== former
}

/** Looks through the chunks once in so many numbers. */
function slide(window: RunWindow, newest: number): void {
  const isNext = chunkOf(newest) > chunkOf(window.newest)
  window.newest = newest
  if (!isNext) return
  const oldest = chunkOf(newest - WINDOW)
  for (const number of window.chunks.keys()) if (number < oldest) window.chunks.delete(number)
}

function chunkOf(sequence: number): number {
  return Math.floor(sequence / CHUNK)
}
