import type { ReplyReason } from '../ground/refusals.ts'
import type { Frame } from '../protocol/frame.ts'
import type { Codec, Message, Ref, ReplyStatus } from '../protocol/message.ts'
import type { Outlet } from './outlet.ts'

/** Answers a message. Bytes that the client's version cannot carry become an error that says so. */
export function answer(
  outlet: Outlet,
  joinRef: Ref,
  message: Message,
  status: ReplyStatus,
  response: unknown,
): void {
  const frame = answerFrame(outlet.codec, joinRef, message, status, response)
  if (frame !== undefined) outlet.send(frame)
}

/** The frame of an {@link answer}. To write it may run code of the application (`toJSON`). */
export function answerFrame(
  codec: Codec,
  joinRef: Ref,
  { ref, topic }: Message,
  status: ReplyStatus,
  response: unknown,
): Frame | undefined {
  return (
    codec.encodeReply(joinRef, ref, topic, status, response) ??
    codec.encodeReply(joinRef, ref, topic, 'error', { reason: 'binary_unsupported' satisfies ReplyReason })
  )
}

/** Answers a message with an error of the library's own. */
export function refuseMessage(
  outlet: Outlet,
  joinRef: Ref,
  message: Message,
  response: { readonly reason: ReplyReason; readonly [detail: string]: unknown },
): void {
  outlet.refused(message.topic, message.event, response.reason)
  answer(outlet, joinRef, message, 'error', response)
}
