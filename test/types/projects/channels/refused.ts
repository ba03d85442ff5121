import { Binary, defineChannel, fail, later, reject, reply, stop } from 'fastify-beryl'
import { Type } from 'typebox'

// Code that must not compile. The comment above each line is what every compiler has to say about that line.

const schema = {
  join: { reply: Type.Object({ members: Type.Integer() }), error: Type.Object({ reason: Type.String() }) },
  in: {
    say: {
      payload: Type.Object({ body: Type.String() }),
      reply: Type.Object({ id: Type.String() }),
      error: Type.Object({ reason: Type.Literal('empty') }),
    },
    typing: Type.Object({ on: Type.Boolean() }),
  },
  out: { said: Type.Object({ id: Type.String() }), image: Binary() },
}
const join = () => ({ assigns: { name: 'ada' }, reply: { members: 1 } })
const say = () => ({ id: '1' })
const typing = () => {}
const open = () => ({ assigns: {} })

// Patterns

// refused: "*\" may only stand at the end of a channel pattern, once"
defineChannel('room:*:x', { schema: {}, join: open })
// refused: "a channel pattern may not be empty"
defineChannel('', { schema: {}, join: open })
// refused: "the topic \"phoenix\" belongs to the protocol"
defineChannel('phoenix', { schema: {}, join: open })

// Schemas

// refused: "the event \"phx_join\" belongs to the protocol"
defineChannel('a', { schema: { in: { phx_join: Type.Object({}) } }, join: open, in: { phx_join() {} } })
// refused: "the event \"presence_diff\" belongs to the protocol"
defineChannel('a', { schema: { out: { presence_diff: Type.Object({}) } }, join: open })
// refused: "the event \"$resume\" belongs to the protocol"
defineChannel('a', { schema: { out: { $resume: Type.Object({}) } }, join: open })
// refused: "an exchange has payload, reply and error, not \"paylod\""
defineChannel('a', { schema: { in: { x: { paylod: Type.String() } } }, join: open, in: { x() {} } })
// refused: "this is no TypeBox schema: wrap other JSON schemas in Type.Unsafe(…)"
defineChannel('a', { schema: { out: { x: { type: 'object' } } }, join: open })
// refused: "\"body\" is no TypeBox schema: wrap other JSON schemas in Type.Unsafe(…)"
defineChannel('a', { schema: { out: { x: Type.Object({ body: Type.String }) } }, join: open })
// refused: "\"name\" is no TypeBox schema
defineChannel('a', { schema: { presence: Type.Array(Type.Object({ name: 'string' })) }, join: open })
// refused: "\"items\" is no TypeBox schema
defineChannel('a', { schema: { presence: Type.Optional(Type.Array({ name: Type.String() })) }, join: open })
// refused: 'inn' does not exist in type
defineChannel('a', { schema: { inn: {} }, join: open })
// refused: "a channel schema has join, in, out, info and presence, not \"inn\""
defineChannel('a', { schema: { out: {}, inn: {} }, join: open })

// refused: "JSON carries no Date, bigint,
defineChannel('a', { schema: { out: { x: Type.Unsafe<Date>({}) } }, join: open })
// refused: "JSON carries no Date, bigint,
defineChannel('a', { schema: { out: { x: Type.Object({ at: Type.Unsafe<Date>({}) }) } }, join: open })
// refused: "JSON carries no Date, bigint,
defineChannel('a', { schema: { join: Type.Array(Type.BigInt()) }, join: open })
// refused: "JSON carries no Date, bigint,
defineChannel('a', { schema: { presence: Type.Unsafe<{ a: Map<string, 1> }>({}) }, join: open })

// Callbacks that are missing or that nothing declares

// refused: Property 'join' is missing
defineChannel('a', { schema, in: { say, typing } })
// refused: Property 'typing' is missing
defineChannel('a', { schema, join, in: { say } })
// refused: 'shout' does not exist in type
defineChannel('a', { schema, join, in: { say, typing, shout() {} } })
// refused: 'this channel declares no incoming events: add `in` to its schema'
defineChannel('a', { schema: {}, join: open, in: { say() {} } })
// refused: 'shouted' does not exist in type
defineChannel('a', { schema, join, in: { say, typing }, intercept: { shouted() {} } })
// refused: Did you mean to write 'terminate'?
defineChannel('a', { schema, join, in: { say, typing }, terminated() {} })

// refused: Property 'info' is missing
defineChannel('a', { schema: { info: { changed: Type.Number() } }, join: open })
// refused: 'this channel declares no infos: add `info` to its schema'
defineChannel('a', { schema: {}, join: open, info: { changed() {} } })
// refused: Type 'string' is not assignable to type
defineChannel('a', { schema: { info: { changed: Type.Number() } }, join: open, info: { changed: () => 'x' } })

// Histories

// refused: Type '"image"' is not assignable to type
// refused: "a history keeps JSON: an event that is Binary() cannot be in it"
defineChannel('a', { schema, join, in: { say, typing }, history: { events: ['said', 'image'] } })
// refused: "a history keeps JSON: an event that is Binary() cannot be in it"
defineChannel('a', { schema: { out: { image: Binary() } }, join: open, history: { events: ['image'] } })
// refused: "this channel sends no events: declare them in `out` of its schema"
defineChannel('a', { schema: {}, join: open, history: { events: ['said'] } })
// refused: Type '"typing"' is not assignable to type
defineChannel('a', { schema, join, in: { say, typing }, history: { events: ['typing'] } })
// refused: Property 'events' is missing
defineChannel('a', { schema, join, in: { say, typing }, history: { size: 10 } })

// Results

// refused: Type 'number' is not assignable to type 'string'
defineChannel('a', { schema, join, in: { typing, say: () => ({ id: 1 }) } })
// refused: Type 'void' is not assignable to type 'MaybePromise<ReplyDeclared<{ id: string; }
defineChannel('a', { schema, join, in: { typing, say() {} } })
// refused: is not assignable to type 'MaybePromise<NoReplyDeclared
defineChannel('a', { schema, join, in: { say, typing: () => ({ id: '1' }) } })
// refused: Type '"full"' is not assignable to type '"empty"'
defineChannel('a', { schema, join, in: { typing, say: () => fail({ reason: 'full' }) } })
// refused: Type 'number' is not assignable to type 'string'
defineChannel('a', { schema, join, in: { typing, say: () => later(Promise.resolve({ id: 1 })) } })
// refused: Type 'number' is not assignable to type 'string'
defineChannel('a', { schema, join, in: { typing, say: () => stop('normal', { id: 1 }) } })
// refused: "for the status \"ok\", return the declared reply itself"
defineChannel('a', { schema, join, in: { typing, say: () => reply('ok', { id: '1' }) } })
// refused: "for the status \"error\", return fail(…)"
defineChannel('a', { schema, join, in: { typing, say: () => reply('error', {}) } })
// refused: "the schema declares a reply to the join: `join` gives it as `reply`, or `snapshot` returns it"
defineChannel('a', { schema, join: () => ({ assigns: {} }), in: { say, typing } })
// refused: "the reply to the join comes from `join` or from `snapshot`, not from both"
defineChannel('a', { schema, join, snapshot: () => ({ members: 1 }), in: { say, typing } })
// refused: Type 'string' is not assignable to type 'number'
defineChannel('a', {
  schema,
  join: open,
  snapshot: () => ({ members: 'many' }),
  in: { say, typing },
})
// refused: "this channel declares no reply to its join: add `join: { reply }` to its schema"
defineChannel('a', { schema: {}, join: open, snapshot: () => ({ members: 1 }) })
// refused: "join returns { assigns: … }, beside them the `reply` where one is declared, or reject(…)"
defineChannel('a', { schema: {}, join: () => ({ name: 'ada' }) })
// refused: "join returns { assigns: … }
defineChannel('a', { schema: {}, join: ({ id }) => (id === '' ? { assigns: {} } : undefined) })
// refused: "join returns { assigns: … }
defineChannel('a', { schema: {}, join: async () => fail({ reason: 'full' }) })
// refused: "join returns { assigns: … }
defineChannel('a', { schema, join: () => ({ reply: { members: 1 } }), in: { say, typing } })
// refused: Property 'reason' is missing
defineChannel('a', { schema, join: () => reject({ why: 'full' }), in: { say, typing } })
// refused: Type 'string' is not assignable to type 'undefined'
defineChannel('a', { schema: {}, join: () => ({ assigns: {}, reply: 'none is declared' }) })
// refused: Type 'number' is not assignable to type 'string'
defineChannel('a', { schema, join, in: { say, typing }, intercept: { said: () => ({ id: 1 }) } })

// Sends of the server

// refused: Argument of type '"sad"' is not assignable to parameter of type '"
// refused: "image"
// refused: "said"
defineChannel('a', { schema, join, in: { say, typing }, joined: (socket) => socket.push('sad', { id: '1' }) })
// refused: Type 'number' is not assignable to type 'string'
defineChannel('a', {
  schema,
  join,
  in: { say, typing },
  joined: (socket) => socket.broadcast('said', { id: 1 }),
})
// refused: Argument of type 'string' is not assignable to parameter of type 'Uint8Array
defineChannel('a', { schema, join, in: { say, typing }, joined: (socket) => socket.push('image', 'text') })
// refused: "this channel sends no events: declare them in `out` of its schema"
defineChannel('a', { schema: {}, join: open, joined: (socket) => socket.push('said', {}) })

// Presence and assigns

// refused: "this channel declares no presence: add `presence` to its schema"
defineChannel('a', {
  schema,
  join,
  in: { say, typing },
  joined: (socket) => socket.presence.track('ada', {}),
})
// refused: "this channel declares no presence: add `presence` to its schema"
defineChannel('a', { schema: {}, join: open, joined: (socket) => void socket.presence.list() })
// refused: Property 'nam' does not exist on type '{ name: string; }'
defineChannel('a', {
  schema,
  join,
  in: { say, typing },
  joined: (socket) => socket.log.info(socket.assigns.nam),
})

// Replies

// refused: Type 'void'
defineChannel('a', { schema: { in: { x: { reply: Type.Never() } } }, join: open, in: { x() {} } })
// refused: Type 'void'
defineChannel('a', { schema: { in: { x: { reply: Type.Null() } } }, join: open, in: { x() {} } })
