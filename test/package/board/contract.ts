import { contract } from 'fastify-beryl/contract'
import { type Static, Type } from 'typebox'

// The agreement of the server and its pages: all that may be said.

export const Column = Type.Union([Type.Literal('todo'), Type.Literal('doing'), Type.Literal('done')])
export const Card = Type.Object({ id: Type.String(), title: Type.String(), column: Column })
export type Card = Static<typeof Card>
export type Column = Static<typeof Column>

const Announcement = Type.Object({ text: Type.String() })
const Position = { x: Type.Number(), y: Type.Number() }
const refused = <const R extends string>(reason: R) => Type.Object({ reason: Type.Literal(reason) })

export const board = contract('board:*', {
  join: { reply: Type.Object({ cards: Type.Array(Card) }), error: refused('not a member') },
  in: {
    add: { payload: Type.Object({ title: Type.String({ minLength: 1 }) }), reply: Card },
    move: {
      payload: Type.Object({ id: Type.String(), column: Column }),
      reply: Card,
      error: refused('no such card'),
    },
    assign: {
      payload: Type.Object({ id: Type.String(), to: Type.String() }),
      error: refused('no such card'),
    },
    cursor: Type.Object(Position),
  },
  out: { changed: Card, announced: Announcement },
  presence: Type.Object({ name: Type.String(), ...Position }),
})

/** Messages for one user, on all of their devices. */
export const inbox = contract('user:*', {
  join: { error: refused('not yours') },
  out: { notified: Type.Object({ text: Type.String() }), announced: Announcement },
})

export const office = contract('office', {
  in: {
    announce: { payload: Announcement, reply: Type.Object({ boards: Type.Integer() }) },
    kick: { payload: Type.Object({ board: Type.String(), user: Type.String() }), reply: Type.Null() },
  },
  out: { announced: Announcement },
})

/** All that members may join, and admins by their own entrance. */
export type Members = [typeof board, typeof inbox]
export type Admins = [typeof office]
