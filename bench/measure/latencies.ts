/** Percentiles of one run, in milliseconds. */
export interface LatencySummary {
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly max: number
}

/** Collects every latency of a run: exact percentiles, no buckets. */
export class Latencies {
  #samples = new Float64Array(1024)
  #count = 0

  add(ms: number): void {
    if (this.#count === this.#samples.length) this.#grow()
    this.#samples[this.#count++] = ms
  }

  summary(): LatencySummary {
    const sorted = this.#samples.subarray(0, this.#count).sort()
    const at = (share: number) => sorted[Math.min(this.#count - 1, Math.floor(share * this.#count))] ?? 0
    return { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) }
  }

  #grow(): void {
    const samples = new Float64Array(this.#samples.length * 2)
    samples.set(this.#samples)
    this.#samples = samples
  }
}
