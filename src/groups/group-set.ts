import { isName } from '../ground/name.ts'

/** The gain of one change: a group, or a topic of a group. */
export interface Entry {
  readonly group: string
  /** `undefined` for the group itself. */
  readonly topic: string | undefined
}

/**
 * The changes `after < n <= upTo` of one writer, as they are known: those that are listed still hold, the others were
 * undone by somebody.
 */
export interface Segment {
  readonly writer: string
  readonly after: number
  readonly upTo: number
  readonly entries: readonly (readonly [n: number, entry: Entry])[]
}

interface Writer {
  /** All changes up to this number are known. */
  upTo: number
  readonly holding: Map<number, Entry>
}

interface Group {
  /** The changes that made it exist, beside its topics. */
  readonly marks: Set<string>
  readonly topics: Map<string, Set<string>>
}

/**
 * Groups of topics that several nodes change at once. Each change has a number of its writer, and is unknown, holds, or
 * was undone, in this order and never back: so states merge by taking the later of each, in any order, as often as one
 * likes. Who undoes can undo only what it has seen: a concurrent addition wins.
 */
export class GroupSet {
  readonly #makeName: () => string
  #self: string
  readonly #writers = new Map<string, Writer>()
  readonly #groups = new Map<string, Group>()
  #changed: Segment[] = []
  #holdingHash = 0

  /** @param makeName names this writer: unique among all there ever were. */
  constructor(makeName: () => string) {
    this.#makeName = makeName
    this.#self = makeName()
  }

  has(name: string): boolean {
    return this.#groups.has(name)
  }

  names(): string[] {
    return [...this.#groups.keys()]
  }

  topics(name: string): IterableIterator<string> | undefined {
    return this.#groups.get(name)?.topics.keys()
  }

  hasTopic(name: string, topic: string): boolean {
    return this.#groups.get(name)?.topics.has(topic) ?? false
  }

  /** Writes a group, or a topic of it. */
  add(group: string, topic?: string): void {
    const writer = this.#writer(this.#self)
    const n = ++writer.upTo
    const entry = { group, topic }
    this.#hold(this.#self, writer, n, entry)
    this.#changed.push({ writer: this.#self, after: n - 1, upTo: n, entries: [[n, entry]] })
  }

  /** Undoes all that made a topic part of a group. The group stays, even where only this topic held it. */
  remove(group: string, topic: string): void {
    const { marks, topics } = this.#groups.get(group) ?? {}
    const dots = topics?.get(topic)
    if (dots === undefined) return
    if (marks?.size === 0) this.add(group)
    for (const dot of [...dots]) this.#undo(dot)
  }

  /** Undoes all that made a group. */
  delete(group: string): void {
    const { marks, topics } = this.#groups.get(group) ?? { marks: [], topics: new Map() }
    for (const dot of [...marks]) this.#undo(dot)
    for (const dots of [...topics.values()]) for (const dot of [...dots]) this.#undo(dot)
  }

  /** The changes of this node since the last call. */
  takeChanges(): Segment[] {
    const changed = this.#changed
    this.#changed = []
    return changed
  }

  /** Everything: one segment a writer. */
  *segments(): Generator<Segment> {
    for (const [writer, { upTo, holding }] of this.#writers) {
      yield { writer, after: 0, upTo, entries: [...holding].sort(([a], [b]) => a - b) }
    }
  }

  /** Changes of this node that {@link takeChanges} would give. */
  get hasChanges(): boolean {
    return this.#changed.length > 0
  }

  /** Takes what another node knows. Gives false where something before it is missing: then it is not taken. */
  merge({ writer: name, after, upTo, entries }: Segment): boolean {
    if (!isName(name)) return true
    const known = this.#writers.get(name)
    // Nobody knows of changes that this writer has not made yet: somebody else writes under its name.
    if (name === this.#self && upTo > (known?.upTo ?? 0)) this.#rename()
    if (after > (known?.upTo ?? 0)) return false
    const writer = known ?? this.#writer(name)
    const listed = new Map(entries)
    for (const n of [...numbersBetween(writer.holding, after, upTo)])
      if (!listed.has(n)) this.#release(name, writer, n)
    for (const [n, entry] of listed) if (n > writer.upTo) this.#hold(name, writer, n, entry)
    writer.upTo = Math.max(writer.upTo, upTo)
    return true
  }

  /** Equal, as far as 64 bits can tell, for equal states; different for different ones. */
  digest(): readonly [known: number, holding: number] {
    let known = 0
    for (const [name, { upTo }] of this.#writers) known ^= hash(dotOf(name, upTo))
    return [known >>> 0, this.#holdingHash >>> 0]
  }

  /** The number of changes that hold: the set's cost in memory. */
  get size(): number {
    let size = 0
    for (const { holding } of this.#writers.values()) size += holding.size
    return size
  }

  #writer(name: string): Writer {
    const writer = this.#writers.get(name) ?? { upTo: 0, holding: new Map() }
    this.#writers.set(name, writer)
    return writer
  }

  /** Writes again whatever of its own still holds: under the former name the others may have heard that it does not. */
  #rename(): void {
    const written = [...(this.#writers.get(this.#self)?.holding.values() ?? [])]
    this.#self = this.#makeName()
    for (const { group, topic } of written) this.add(group, topic)
  }

  #undo(dot: string): void {
    const [name, n] = parseDot(dot)
    this.#release(name, this.#writer(name), n)
    this.#changed.push({ writer: name, after: n - 1, upTo: n, entries: [] })
  }

  #hold(name: string, { holding }: Writer, n: number, entry: Entry): void {
    const dot = dotOf(name, n)
    holding.set(n, isShown(entry) ? entry : NOT_SHOWN)
    this.#holdingHash ^= hash(dot)
    if (isShown(entry)) this.#show(dot, entry)
  }

  #show(dot: string, entry: Entry): void {
    const group = this.#groups.get(entry.group) ?? { marks: new Set(), topics: new Map() }
    this.#groups.set(entry.group, group)
    if (entry.topic === undefined) group.marks.add(dot)
    else group.topics.set(entry.topic, (group.topics.get(entry.topic) ?? new Set()).add(dot))
  }

  #release(name: string, { holding }: Writer, n: number): void {
    const entry = holding.get(n)
    if (entry === undefined) return
    const dot = dotOf(name, n)
    holding.delete(n)
    this.#holdingHash ^= hash(dot)
    const group = this.#groups.get(entry.group)
    if (group !== undefined) this.#hide(dot, entry, group)
  }

  #hide(dot: string, entry: Entry, group: Group): void {
    const dots = entry.topic === undefined ? group.marks : group.topics.get(entry.topic)
    dots?.delete(dot)
    if (entry.topic !== undefined && dots?.size === 0) group.topics.delete(entry.topic)
    if (group.marks.size === 0 && group.topics.size === 0) this.#groups.delete(entry.group)
  }
}

/**
 * Entries of another node that this one would refuse are kept, so that all have the same and nothing holds up the
 * rest, but nobody sees it, and their names, which may be longer than a message, are not handed on.
 */
const NOT_SHOWN: Entry = { group: '', topic: undefined }

function isShown({ group, topic }: Entry): boolean {
  return isName(group) && (topic === undefined || isName(topic))
}

/** The numbers of a range that still hold: found by the shorter of two ways. */
function* numbersBetween(holding: Map<number, Entry>, after: number, upTo: number): Generator<number> {
  if (upTo - after < holding.size) {
    for (let n = after + 1; n <= upTo; n++) if (holding.has(n)) yield n
  } else {
    for (const n of holding.keys()) if (n > after && n <= upTo) yield n
  }
}

function dotOf(writer: string, n: number): string {
  return `${n}:${writer}`
}

function parseDot(dot: string): [writer: string, n: number] {
  const colon = dot.indexOf(':')
  return [dot.slice(colon + 1), Number(dot.slice(0, colon))]
}

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5
  for (let at = 0; at < text.length; at++) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193)
  return value
}
