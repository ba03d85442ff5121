import { replyReasons } from '../ground/refusals.ts'
import { PHOENIX_TOPIC } from '../protocol/topic.ts'
import type { Json, JsonObject } from './json.ts'
import { refTo } from './names.ts'

// The parts that all channels have in common, described once: the frame around a payload, the ends of channels, the topic `phoenix`.

const NULLABLE: JsonObject = { type: ['string', 'null'] }

const FRAME = `The frame around a payload, in version 2.0.0 of the protocol of Phoenix channels. \`event\` is the name of the message.

JSON, in a text message:

    [join_ref, ref, topic, event, payload]

Bytes (\`application/octet-stream\`), in a binary message; each name stands behind one byte with its length, all lengths first:

    push, by a client    00 |join_ref| |ref| |topic| |event|   join_ref ref topic event   data
    push, by the server  00 |join_ref| |topic| |event|         join_ref topic event       data
    reply                01 |join_ref| |ref| |topic| |status|  join_ref ref topic status  data
    broadcast            02 |topic| |event|                    topic event                data`

const TRAITS: JsonObject = {
  frame: {
    headers: {
      type: 'object',
      description: FRAME,
      required: ['topic', 'event'],
      properties: {
        join_ref: {
          ...NULLABLE,
          description: 'The client’s name for its join of the topic: the `ref` of that join.',
        },
        ref: { ...NULLABLE, description: 'The client’s name for a message, which the reply to it repeats.' },
        topic: { type: 'string', description: 'The address of the channel.' },
        event: { type: 'string', description: 'The name of the message.' },
      },
    },
  },
  exchange: {
    correlationId: {
      description: 'A message of the client and the reply to it have the same `ref`.',
      location: '$message.header#/ref',
    },
  },
  logged: {
    headers: {
      properties: {
        ref: {
          ...NULLABLE,
          pattern: '^@\\d+$',
          description:
            'The place in the log of the topic, behind an `@`, for clients that joined with `$resume`.',
        },
      },
    },
  },
}

/** The reasons of the library's own, for what it answers with `error`. */
function refusal(...to: readonly string[]): JsonObject {
  const reasons = Object.entries(replyReasons).filter(([, row]) => to.includes(row.to))
  const errors: JsonObject = {
    type: 'array',
    items: {
      type: 'object',
      required: ['path', 'message'],
      properties: { path: { type: 'string' }, message: { type: 'string' } },
    },
  }
  return {
    type: 'object',
    description: `Of the server itself: ${reasons.map(([reason, { message }]) => `\`${reason}\`: ${message}`).join('; ')}.`,
    required: ['reason'],
    properties: {
      reason: { enum: reasons.map(([reason]) => reason) },
      errors: {
        ...errors,
        description: 'Of `invalid_payload`: where it does not fit, as JSON pointers, and why.',
      },
      retry_after_ms: { type: 'integer', description: 'Of `rate_limited`.' },
    },
  }
}

const POSITION: JsonObject = {
  type: 'object',
  description: 'A place in the log of a topic.',
  required: ['epoch', 'offset'],
  properties: { epoch: { type: 'string' }, offset: { type: 'integer', minimum: 0 } },
}

const SCHEMAS: JsonObject = {
  join_refusal: refusal('join', 'both'),
  push_refusal: refusal('push', 'both'),
  position: POSITION,
}

/** The payload of a reply. */
export function replyOf(status: 'ok' | 'error', response: Json): JsonObject {
  return {
    type: 'object',
    required: ['status', 'response'],
    properties: { status: { const: status }, response },
  }
}

/** The response of an error: the application's, or the server's own. */
export function errorOf(to: 'join' | 'push', error: JsonObject | undefined): JsonObject {
  const own: JsonObject = error ?? { description: 'What the application says.' }
  return { anyOf: [refTo('components', 'schemas', `${to}_refusal`), own] }
}

/** A message with the frame around it. */
export function message(name: string, payload: Json, traits: readonly string[] = []): JsonObject {
  return {
    name,
    payload,
    traits: ['frame', ...traits].map((trait) => refTo('components', 'messageTraits', trait)),
  }
}

export const REPLY = 'phx_reply'
const EXCHANGE = ['exchange']
const EMPTY: JsonObject = { type: 'object', maxProperties: 0 }
const REASON: JsonObject = { type: 'object', properties: { reason: { type: 'string' } } }

/** The messages that mean the same in all channels. */
const MESSAGES: JsonObject = {
  ok: { ...message(REPLY, replyOf('ok', EMPTY), EXCHANGE), summary: 'Done, with nothing to say.' },
  join_error: {
    ...message(REPLY, replyOf('error', errorOf('join', undefined)), EXCHANGE),
    summary: 'The join is refused.',
  },
  push_error: {
    ...message(REPLY, replyOf('error', errorOf('push', undefined)), EXCHANGE),
    summary: 'The push is refused; the channel goes on.',
  },
  phx_leave: { ...message('phx_leave', EMPTY, EXCHANGE), summary: 'The client leaves the topic.' },
  phx_close: { ...message('phx_close', REASON), summary: 'The channel has ended: the client stays away.' },
  phx_error: { ...message('phx_error', REASON), summary: 'The channel has crashed: the client joins again.' },
  resume: {
    ...message('$resume', refTo('components', 'schemas', 'position')),
    summary: 'The position of the client, where no logged event says it.',
  },
}

/** The parts that messages refer to. */
export interface Shared {
  readonly schemas: JsonObject
  readonly messages: JsonObject
  readonly messageTraits: JsonObject
}

/** The shared parts, as far as messages and channels refer to them: a component that nobody uses is a flaw. */
export function sharedBy(parts: unknown): Shared {
  const messages = usedIn(parts, 'messages', MESSAGES)
  const all = [parts, messages]
  return {
    messages,
    schemas: usedIn(all, 'schemas', SCHEMAS),
    messageTraits: usedIn(all, 'messageTraits', TRAITS),
  }
}

function usedIn(parts: unknown, kind: string, candidates: JsonObject): JsonObject {
  const text = JSON.stringify(parts)
  const isUsed = (key: string): boolean => text.includes(JSON.stringify(refTo('components', kind, key).$ref))
  return Object.fromEntries(Object.entries(candidates).filter(([key]) => isUsed(key)))
}

/** The connection, to which the topic `phoenix` belongs. */
export interface ConnectionFacts {
  readonly hasConnect: boolean
  readonly hasRenew: boolean
  readonly silenceMs: number
}

const TOKEN: JsonObject = {
  type: 'object',
  required: ['token'],
  properties: { token: { type: 'string' } },
}
const RENEWED: JsonObject = {
  type: 'object',
  required: ['expires_at'],
  properties: {
    expires_at: {
      type: ['number', 'null'],
      description: 'Milliseconds since the epoch; null where there is no end.',
    },
  },
}
const EXPIRING: JsonObject = {
  type: 'object',
  required: ['expires_in_ms'],
  properties: { expires_in_ms: { type: 'integer' } },
}

/** The messages of the topic `phoenix`. */
function connectionMessages({ hasConnect, hasRenew }: ConnectionFacts): JsonObject {
  const renewError: JsonObject = { anyOf: [refusal('renew'), refusal('push', 'both'), {}] }
  return {
    heartbeat: message('heartbeat', EMPTY, EXCHANGE),
    ok: refTo('components', 'messages', 'ok'),
    ...(hasConnect && { expiring: message('expiring', EXPIRING) }),
    ...(hasRenew && {
      renew: message('renew', TOKEN, EXCHANGE),
      'renew.ok': message(REPLY, replyOf('ok', RENEWED), EXCHANGE),
      'renew.error': message(REPLY, replyOf('error', renewError), EXCHANGE),
    }),
  }
}

export function connectionChannel(facts: ConnectionFacts): JsonObject {
  return {
    address: PHOENIX_TOPIC,
    title: 'The connection',
    description: 'The topic that every connection has, without a join.',
    bindings: {
      ws: {
        method: 'GET',
        query: {
          type: 'object',
          required: ['vsn'],
          properties: {
            vsn: { type: 'string', enum: ['2.0.0'], description: 'The version of the protocol.' },
          },
        },
        bindingVersion: '0.1.0',
      },
    },
    messages: connectionMessages(facts),
  }
}

export function connectionOperations({ hasConnect, hasRenew, silenceMs }: ConnectionFacts): JsonObject {
  const silence = Number.isFinite(silenceMs)
    ? `A client that sends nothing for ${silenceMs} ms is closed with 1001.`
    : 'No client is closed for its silence.'
  const exchange = { receives: ['heartbeat'], replies: ['ok'] }
  return {
    heartbeat: {
      ...operation(PHOENIX_TOPIC, exchange),
      summary: 'The client is there.',
      description: silence,
    },
    ...(hasConnect && {
      expiring: {
        ...operation(PHOENIX_TOPIC, { sends: ['expiring'] }),
        summary: 'The time of the connection ends soon.',
      },
    }),
    ...(hasRenew && {
      renew: {
        ...operation(PHOENIX_TOPIC, { receives: ['renew'], replies: ['renew.ok', 'renew.error'] }),
        summary: 'A new token for the connection that is there.',
      },
    }),
  }
}

/** The messages of an operation, by their keys in the channel. */
type Exchanged =
  | { readonly sends: readonly string[] }
  | { readonly receives: readonly string[]; readonly replies: readonly string[] }

/** An operation of the server: it receives what clients send. */
export function operation(channel: string, exchanged: Exchanged): JsonObject {
  const messages = (keys: readonly string[]): Json =>
    keys.map((key) => refTo('channels', channel, 'messages', key))
  const place = refTo('channels', channel)
  if ('sends' in exchanged) return { action: 'send', channel: place, messages: messages(exchanged.sends) }
  return {
    action: 'receive',
    channel: place,
    messages: messages(exchanged.receives),
    reply: { channel: place, messages: messages(exchanged.replies) },
  }
}
