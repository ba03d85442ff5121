import { isName } from '../ground/name.ts'
import { isTooDeep } from '../protocol/json.ts'
import { JsonText } from '../protocol/message.ts'
import { isReservedEvent } from '../protocol/topic.ts'
import { LoggedBroadcast } from '../pubsub/logged.ts'

/**
 * An entry, as the log has it: one text, so that it can be kept flat.
 *
 *     [version, at, event, except]  newline  payload (JSON text)
 *
 * Two versions at work at the same time: elements may be added to the first line, since older nodes pass over them.
 */
export interface Entry {
  readonly event: string
  readonly payload: JsonText
  /** When it was published: wall-clock milliseconds. */
  readonly at: number
  /** The id of the connection that it passes by. */
  readonly except: string | undefined
}

const VERSION = 1

export function writeEntry({ event, payload, at, except }: Entry): string {
  return `${JSON.stringify([VERSION, at, event, except])}\n${payload.text}`
}

/**
 * `undefined` for what is no entry of this version, and for what a client must not see: an entry goes into frames as it came.
 * Never throws.
 *
 * @param isOwn This process has written it: it is not looked into.
 */
export function readEntry(text: string, isOwn = false): Entry | undefined {
  try {
    const end = text.indexOf('\n')
    const head: unknown = JSON.parse(text.slice(0, end))
    if (end === -1 || !Array.isArray(head)) return undefined
    const [version, at, event, except] = head as unknown[]
    if (version !== VERSION || typeof at !== 'number' || !isName(event)) return undefined
    const payload = text.slice(end + 1)
    if (!isOwn && (isReservedEvent(event) || !isPayload(payload))) return undefined
    const passesBy = typeof except === 'string' ? except : undefined
    return { event, payload: new JsonText(payload), at, except: passesBy }
  } catch {
    return undefined
  }
}

/** @throws SyntaxError where it is not one JSON value */
function isPayload(text: string): boolean {
  if (isTooDeep(text)) return false
  JSON.parse(text)
  return true
}

/**
 * The broadcast of an entry; `undefined` for what is none.
 *
 * @param isOwn This process has written it: it is not looked into.
 */
export function broadcastOf(
  topic: string,
  offset: number,
  text: string,
  isOwn = false,
): LoggedBroadcast | undefined {
  const entry = readEntry(text, isOwn)
  if (entry === undefined) return undefined
  const { event, payload: content, except } = entry
  return new LoggedBroadcast({ topic, event, content, offset, except })
}
