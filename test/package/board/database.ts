import { EventEmitter, once } from 'node:events'
import type { Card } from './contract.ts'

/** A database that can be away. In memory, with the manners of a driver: all of it is async, and rejects while nobody answers. */
export class Database {
  readonly #boards = new Map<string, Map<string, Card>>()
  readonly #mail = new EventEmitter()
  readonly #members = new Map([['1', new Set(['ada', 'bob'])]])
  #away = false

  async mayRead(board: string, user: string): Promise<boolean> {
    return this.#members.get(board)?.has(user) ?? false
  }

  async cards(board: string): Promise<Card[]> {
    await this.#answer()
    return [...this.#board(board).values()]
  }

  async save(board: string, card: Card): Promise<void> {
    await this.#answer()
    this.#board(board).set(card.id, card)
  }

  async find(board: string, id: string): Promise<Card | undefined> {
    await this.#answer()
    return this.#boards.get(board)?.get(id)
  }

  /** The cards that arrive by mail, until the connection breaks. */
  async *arrivals(signal: AbortSignal): AsyncGenerator<{ board: string; card: Card }> {
    await this.#answer()
    for (;;) yield await this.#nextMail(signal)
  }

  async #nextMail(signal: AbortSignal): Promise<{ board: string; card: Card }> {
    const [mail] = await once(this.#mail, 'card', { signal })
    return mail
  }

  async #answer(): Promise<void> {
    if (this.#away) throw new Error('connect ECONNREFUSED 127.0.0.1:5432')
  }

  #board(id: string): Map<string, Card> {
    const board = this.#boards.get(id) ?? new Map<string, Card>()
    this.#boards.set(id, board)
    return board
  }

  // For tests.

  mail(board: string, card: Card): void {
    this.#mail.emit('card', { board, card })
  }

  goAway(): void {
    this.#away = true
    this.#mail.emit('error', new Error('terminating connection due to administrator command'))
  }

  comeBack(): void {
    this.#away = false
  }
}
