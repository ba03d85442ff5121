import type { FastifyInstance } from 'fastify'
import { worker } from 'fastify-beryl/supervision'

/** Puts cards that arrive by mail on their boards. While the database is away it tries again, and disturbs nobody. */
export const importer = (app: FastifyInstance) =>
  worker(
    'importer',
    async ({ ready, signal }) => {
      const arrivals = app.database.arrivals(signal)
      const first = arrivals.next()
      ready()
      for (let next = await first; !next.done; next = await arrivals.next()) {
        const { board, card } = next.value
        await app.database.save(board, card)
        app.channels.broadcast(`board:${board}`, 'changed', card)
      }
    },
    { backoff: { minMs: 500, maxMs: 30_000 } },
  )
