import { promised } from '../ground/foreign.ts'
import type { Frame } from '../protocol/frame.ts'
import { ChannelSocket, type SocketHost } from './context.ts'
import type { TerminateReason } from './infer.ts'
import type { JoinedTopic, Outlet } from './outlet.ts'
import { isNormalStop, type StopReason } from './result.ts'

/** The end of a channel: its reason, and its last frame where the client is to be told. */
export interface Ending {
  readonly reason: TerminateReason
  readonly last: LastEvent | undefined
}

type LastEvent = 'phx_close' | 'phx_error'

/** The client's part of the history has a gap: it is to join again. */
export const GAP: TerminateReason = { kind: 'shutdown', reason: 'history_gap' }

export const LEFT: TerminateReason = { kind: 'left' }
export const TIMED_OUT: TerminateReason = { kind: 'shutdown', reason: 'join_timeout' }
export const UNAVAILABLE: TerminateReason = { kind: 'shutdown', reason: 'history_unavailable' }
export const REJECTED: TerminateReason = { kind: 'stopped', reason: 'normal' }
export const OVERLOADED: TerminateReason = { kind: 'shutdown', reason: 'overloaded' }

/** The end that a channel asks for itself. */
export function endingOf(reason: StopReason): Ending {
  if (isNormalStop(reason)) return { reason: { kind: 'stopped', reason }, last: 'phx_close' }
  return { reason: { kind: 'crashed', error: reason }, last: 'phx_error' }
}

/** The reason that the client of a channel is told which ended with `phx_error`. */
export function errorOf(reason: TerminateReason): string {
  return reason.kind === 'shutdown' ? reason.reason : 'channel_crash'
}

/** The frame that tells a client of the end of its channel. */
export function lastFrame(
  outlet: Outlet,
  { topic, joinRef }: Pick<JoinedTopic, 'topic' | 'joinRef'>,
  event: LastEvent,
  reason?: string,
): Frame {
  return outlet.codec.encodeEnd(joinRef, topic, event, reason === undefined ? {} : { reason })
}

/** Tells the socket of the end and calls `terminate`; goes on when that is done, in whichever way. */
export function terminate(
  { definition, outlet, topic }: SocketHost,
  { socket, reason }: { readonly socket: ChannelSocket; readonly reason: TerminateReason },
  done: () => void,
): void {
  ChannelSocket.ended(socket, reason)
  const failed = (error: unknown): void => outlet.crashed(topic, 'terminate', error)
  try {
    const pending = promised(definition.terminate?.(reason, socket))
    if (pending === undefined) return done()
    outlet.pending()
    pending
      .catch(failed)
      .then(() => {
        outlet.settled()
        done()
      })
      .catch((error) => outlet.broke(error))
  } catch (error) {
    failed(error)
    done()
  }
}
