import type { Findings } from './violation.ts'

/** Whoever takes part: `epoch` counts its joins, and is odd while it is joined without a break. */
export interface Member {
  readonly name: string
  readonly node: number
  readonly epoch: number
}

interface Said {
  readonly n: number
  readonly speaker: Member
  readonly epoch: number
  /** The members of the topic when it was said, with their epochs. */
  readonly listeners: ReadonlyMap<Member, number>
  answers: number
  readonly heard: Map<Member, number>
}

/**
 * The words of control clients, and their listeners. The promise of README: an `ok` means that the handler has finished, so all
 * who are on the topic of the same node from before it was said until now have heard it, once and in order. Between nodes
 * a message may be lost, and never comes twice.
 */
export class Ledger {
  readonly #findings: Findings
  readonly #said = new Map<number, Said>()
  readonly #lastHeard = new Map<string, number>()
  #next = 0
  answered = 0
  delivered = 0

  constructor(findings: Findings) {
    this.#findings = findings
  }

  get count(): number {
    return this.#next
  }

  say(speaker: Member, members: Iterable<Member>): number {
    const listeners = new Map<Member, number>()
    for (const member of members) if (isJoined(member)) listeners.set(member, member.epoch)
    const n = ++this.#next
    this.#said.set(n, { n, speaker, epoch: speaker.epoch, listeners, answers: 0, heard: new Map() })
    return n
  }

  answer(n: number): void {
    const said = this.#said.get(n)
    if (said === undefined) return this.#findings.add('a control client is answered what it did not say')
    this.answered++
    if (++said.answers > 1) this.#findings.add('a control client is answered twice')
  }

  hear(listener: Member, from: string, n: number): void {
    const said = this.#said.get(n)
    if (said?.speaker.name !== from)
      return this.#findings.add(`a control client hears what nobody said: ${n}`)
    const times = (said.heard.get(listener) ?? 0) + 1
    said.heard.set(listener, times)
    this.delivered++
    if (times > 1) this.#findings.add('a control client hears a broadcast twice')
    if (said.speaker.node === listener.node) this.#inOrder(listener, said)
  }

  #inOrder(listener: Member, { n, speaker }: Said): void {
    const key = `${listener.name} ${listener.epoch} ${speaker.name}`
    if (n < (this.#lastHeard.get(key) ?? 0))
      this.#findings.add('a control client hears broadcasts out of order')
    this.#lastHeard.set(key, n)
  }

  /**
   * Settles the account of what was said until now.
   *
   * @param isCalm Nothing was cut, slow or crashed since it was said: then the other nodes have heard it, too.
   */
  settle(isCalm: boolean): void {
    for (const said of this.#said.values()) {
      const { speaker, epoch, answers, listeners } = said
      if (answers === 0) {
        if (speaker.epoch === epoch)
          this.#findings.add('a control client is not answered, and was not told to go')
        if (!isCalm) continue
      }
      for (const [listener, since] of listeners)
        if (isCalm || listener.node === speaker.node) this.#owed(said, listener, since)
    }
    this.#said.clear()
    this.#lastHeard.clear()
  }

  #owed({ speaker, heard }: Said, listener: Member, since: number): void {
    if (listener.epoch !== since || heard.has(listener)) return
    const where = listener.node === speaker.node ? 'its own node' : 'another node, in calm'
    this.#findings.add(`a control client misses a broadcast of ${where}`)
  }
}

export function isJoined({ epoch }: Member): boolean {
  return epoch % 2 === 1
}
