import { isUint8Array } from 'node:util/types'
import { checkName } from '../ground/argument.ts'
import { berylError } from '../ground/errors.ts'
import { section } from '../ground/option-checks.ts'
import type { DeclaredHistory } from '../history/declared.ts'
import type { Histories, Publication } from '../history/histories.ts'
import { unwritable } from '../protocol/carried.ts'
import { JsonText } from '../protocol/message.ts'
import type { LogPosition } from '../pubsub/log.ts'
import type { CompiledChannel } from './definition.ts'

// The way of an event into the log of its topic, from a handler and from the server.

export interface LoggedEvent {
  readonly topic: string
  readonly event: string
  readonly payload: unknown
  /** The id of the connection that it passes by. */
  readonly except?: string | undefined
  readonly id?: string | undefined
}

/** Without anybody waiting. Nothing happens while the tree is down. @throws `BERYL_ERR_PAYLOAD_INVALID` */
export function sendLogged(
  histories: Histories | undefined,
  { history }: Pick<CompiledChannel, 'history'>,
  logged: LoggedEvent,
): void {
  const publication = publicationOf(logged)
  if (history !== undefined) histories?.send(logged.topic, history, publication)
}

/** Rejects as `socket.publish` says. */
export async function publishLogged(
  histories: Histories | undefined,
  { history, pattern }: Pick<CompiledChannel, 'history' | 'pattern'>,
  logged: LoggedEvent,
): Promise<LogPosition> {
  const { topic, event } = logged
  if (history?.events.has(event) !== true) throw undeclared(pattern.source, event)
  if (histories === undefined) throw notRunning(topic)
  return histories.publish(topic, history, publicationOf(logged))
}

/** The history that is asked of. @throws where there is none, or nobody to ask */
export function required(
  histories: Histories | undefined,
  channels: readonly Pick<CompiledChannel, 'history' | 'pattern'>[],
  topic: string,
): { readonly histories: Histories; readonly declared: DeclaredHistory } {
  const owner = channels.find(({ history }) => history !== undefined)
  if (owner?.history === undefined) throw undeclared(channels[0]?.pattern.source ?? topic)
  if (histories === undefined) throw notRunning(topic)
  return { histories, declared: owner.history }
}

/** The id that a caller gives, if any. @throws `BERYL_ERR_OPTION_INVALID`, `BERYL_ERR_ARGUMENT` */
export function publishId(call: string, options: unknown): string | undefined {
  const { id } = section(`options of ${call}`, options, ['id'])
  if (id === undefined) return undefined
  checkName(call, 'id', id)
  return `=${id}`
}

function publicationOf({ topic, event, payload, except, id }: LoggedEvent): Publication {
  if (isUint8Array(payload)) throw unwritable(topic, event, new TypeError('a log keeps JSON, no bytes'))
  try {
    return { event, payload: new JsonText(JSON.stringify(payload) ?? 'null'), except, id }
  } catch (cause) {
    throw unwritable(topic, event, cause)
  }
}

function undeclared(pattern: string, event?: string): Error {
  return berylError('BERYL_ERR_HISTORY_UNDECLARED', pattern, event === undefined ? '' : ` of '${event}'`)
}

function notRunning(topic: string): Error {
  return berylError('BERYL_ERR_HISTORY_UNAVAILABLE', topic, 'fastify-beryl is not running')
}
