/** An entry, between those that were set before and after it. */
interface Entry<K, V> {
  readonly key: K
  readonly value: V
}

class Place<K, V> implements Entry<K, V> {
  readonly key: K
  value: V
  older: Place<K, V> | undefined
  newer: Place<K, V> | undefined

  constructor(key: K, value: V) {
    this.key = key
    this.value = value
    this.older = undefined
    this.newer = undefined
  }
}

/**
 * A Map in the order in which its keys were set last, of which the oldest is found at once. The first of a `Map` is found behind all
 * that were deleted before it: with 100,000 keys of which one goes as one comes, that takes 10 µs.
 */
export class AgedMap<K, V> {
  readonly #places = new Map<K, Place<K, V>>()
  #oldest: Place<K, V> | undefined
  #newest: Place<K, V> | undefined

  get size(): number {
    return this.#places.size
  }

  /** That which was set longest ago. */
  get oldest(): Entry<K, V> | undefined {
    return this.#oldest
  }

  has(key: K): boolean {
    return this.#places.has(key)
  }

  get(key: K): V | undefined {
    return this.#places.get(key)?.value
  }

  /** The key is the newest from now on, whether or not it was there. */
  set(key: K, value: V): void {
    let place = this.#places.get(key)
    if (place === undefined) {
      place = new Place(key, value)
      this.#places.set(key, place)
    } else {
      place.value = value
      if (place === this.#newest) return
      this.#unlink(place)
    }
    this.#append(place)
  }

  /** Another value for a key that is there: it stays as old as it is. */
  replace(key: K, value: V): void {
    const place = this.#places.get(key)
    if (place !== undefined) place.value = value
  }

  delete(key: K): boolean {
    const place = this.#places.get(key)
    if (place === undefined) return false
    this.#places.delete(key)
    this.#unlink(place)
    return true
  }

  clear(): void {
    this.#places.clear()
    this.#oldest = undefined
    this.#newest = undefined
  }

  /** Deletes the oldest, one after the other, as long as `isOver` says so. */
  deleteWhile(isOver: (value: V) => boolean): void {
    while (this.#oldest !== undefined && isOver(this.#oldest.value)) this.delete(this.#oldest.key)
  }

  /** All of them, the oldest first, as they are now. */
  entries(): Entry<K, V>[] {
    const entries: Entry<K, V>[] = []
    for (let place = this.#oldest; place !== undefined; place = place.newer) entries.push(place)
    return entries
  }

  #append(place: Place<K, V>): void {
    place.older = this.#newest
    place.newer = undefined
    if (this.#newest === undefined) this.#oldest = place
    else this.#newest.newer = place
    this.#newest = place
  }

  #unlink({ older, newer }: Place<K, V>): void {
    if (older === undefined) this.#oldest = newer
    else older.newer = newer
    if (newer === undefined) this.#newest = older
    else newer.older = older
  }
}
