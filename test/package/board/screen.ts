import type { ChannelState, Client } from 'fastify-beryl/client'
import type { Card, Column, Members } from './contract.ts'

/** A board as a page shows it: its cards, who points where, and what its user is told. Over cuts it stays as it is, and is read anew. */
export class Screen {
  readonly cards = new Map<string, Card>()
  readonly told: string[] = []
  readonly states: ChannelState[] = []
  readonly #board
  readonly #inbox

  constructor(client: Client<Members>, id: string, user: string) {
    this.#board = client.channel(`board:${id}`)
    this.#inbox = client.channel(`user:${user}`)
  }

  /** @throws `ChannelError` `not a member`, `not yours` */
  async open(): Promise<void> {
    const [board, inbox] = [this.#board, this.#inbox]
    board.onState((state, detail) => {
      this.states.push(state)
      if (state === 'joined') for (const card of detail.reply.cards) this.#show(card)
    })
    board.on('changed', (card) => this.#show(card))
    board.on('announced', ({ text }) => this.told.push(text))
    inbox.on('notified', ({ text }) => this.told.push(text))
    await Promise.all([board.join(), inbox.join()])
  }

  add(title: string): Promise<Card> {
    return this.#board.push('add', { title })
  }

  /** The reason why it was not moved, where it was not. */
  move(id: string, column: Column): Promise<string | undefined> {
    return this.#board.push('move', { id, column }).then(
      () => undefined,
      ({ reason }) => (reason === 'no such card' ? 'Somebody has removed that card' : reason),
    )
  }

  assign(id: string, to: string): void {
    this.#board.push('assign', { id, to })
  }

  point(x: number, y: number): void {
    this.#board.push('cursor', { x, y })
  }

  /** The names of those who are here, and where they point. */
  get cursors(): string[] {
    return this.#board.presence
      .list()
      .flatMap(({ metas }) => metas.map(({ name, x, y }) => `${name} ${x},${y}`))
  }

  get why(): string | undefined {
    return this.#board.error?.reason
  }

  #show(card: Card): void {
    this.cards.set(card.id, card)
  }
}
