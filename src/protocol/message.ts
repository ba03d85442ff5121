import type { Frame, PiecedFrame } from './frame.ts'

/**
 * The `ref` or `join_ref` of a client: a string or null from every known client, but any JSON value is echoed
 * as it came, as Phoenix does.
 */
export type Ref = unknown

/** One message of a client, of either version. Nothing is checked but the frame's shape. */
export interface Message {
  readonly joinRef: Ref
  readonly ref: Ref
  /** A string, in a sane client. */
  readonly topic: unknown
  /** A string, in a sane client. */
  readonly event: unknown
  /** JSON, a `Buffer` where it came in a binary frame, or {@link TOO_DEEP}. */
  readonly payload: unknown
}

/** A message whose topic is one. */
export interface TopicMessage extends Message {
  readonly topic: string
}

/** Stands for a payload that is nested too deeply to be safely handled. No schema accepts it. */
export const TOO_DEEP: unique symbol = Symbol('payload nested too deeply')

/** A payload that is JSON text already: encoded once for many channels, versions and nodes. */
export class JsonText {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/** A long text that goes into a frame of its own for each of many: its bytes are made once. */
export class SharedText extends JsonText {
  #bytes: Buffer | undefined

  /** The text as UTF-8. */
  get bytes(): Buffer {
    this.#bytes ??= Buffer.from(this.text)
    return this.#bytes
  }
}

/** The status of a reply: `ok` and `error` from the library, any word from an application. */
export type ReplyStatus = 'ok' | 'error' | (string & {})

/** A frame that is not a message of the protocol. The connection is closed with 1007. */
export class MalformedFrame extends Error {
  override readonly name = 'MalformedFrame'
}

/**
 * One version of the wire: bytes to messages and back. The identity of a codec is what "encode once per codec" counts
 * by, so there is one object for each version.
 *
 * The `encode…` methods give whole WebSocket frames, or `undefined` where the version cannot carry the payload (binary
 * on V1). They throw a `TypeError` or `RangeError` where the payload is no JSON.
 */
export interface Codec {
  /** `1.0.0` or `2.0.0`. */
  readonly version: string
  /** The index of this codec among all: where a broadcast keeps its frame. */
  readonly index: number
  /**
   * @throws {@link MalformedFrame}
   */
  decode(data: Buffer, isBinary: boolean, parse: JsonParse): Message
  /** A server push to one channel; its payload may be {@link JsonText}. @param ref @default null, as in Phoenix */
  encodePush(joinRef: Ref, topic: string, event: string, payload: unknown, ref?: string): Frame | undefined
  /** As {@link encodePush}, around bytes that all who are sent the text have in common. Absent where the version has no such form. */
  encodeShared?(joinRef: Ref, topic: string, event: string, text: SharedText): PiecedFrame
  /** The answer to a message. */
  encodeReply(
    joinRef: Ref,
    ref: Ref,
    topic: unknown,
    status: ReplyStatus,
    response: unknown,
  ): Frame | undefined
  /** A broadcast: the same bytes for every subscriber. Its payload may be {@link JsonText}. @param ref @default null, as in Phoenix */
  encodeBroadcast(topic: string, event: string, payload: unknown, ref?: string): Frame | undefined
  /** `phx_close` or `phx_error`, which repeat the join_ref in the place of the ref. */
  encodeEnd(joinRef: Ref, topic: string, event: 'phx_close' | 'phx_error', payload: object): Frame
}

/** Turns a text into a JSON value or throws. Injected, because what it refuses (`__proto__`) is the server's option. */
export type JsonParse = (text: string) => unknown

/** Compares refs as Phoenix does: strictly (`"1"` is not `1`), and by value where they are arrays or objects. */
export function sameRef(a: Ref, b: Ref): boolean {
  if (a === b) return true
  return (
    typeof a === 'object' &&
    typeof b === 'object' &&
    a !== null &&
    b !== null &&
    JSON.stringify(a) === JSON.stringify(b)
  )
}
