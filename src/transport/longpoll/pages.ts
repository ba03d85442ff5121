/** A body that arrives page by page, in order. */
export class Pages {
  readonly #maxBytes: number
  #pages: Uint8Array[] = []
  #bytes = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** The whole body with its last page, `undefined` before; `false` where one is missing, or it is too long. */
  add({ page, pages, body }: { page: number; pages: number; body: Uint8Array }): Buffer | undefined | false {
    this.#bytes += body.length
    if (page !== this.#pages.length || this.#bytes > this.#maxBytes) return false
    this.#pages.push(body)
    return this.#pages.length === pages ? Buffer.concat(this.#pages) : undefined
  }
}
