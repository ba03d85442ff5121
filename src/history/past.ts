import { isCount, readFields } from '../ground/argument.ts'
import { refuseOption, section, whole } from '../ground/option-checks.ts'
import type { LogPage, LogPosition } from '../pubsub/log.ts'
import { type DeclaredHistory, MAX_SIZE } from './declared.ts'
import { readEntry } from './entry.ts'
import type { Histories } from './histories.ts'

/** The options of `channels.history`. */
export interface HistoryQuery {
  /** So many entries at the most: the first ones behind `since`, or the last ones without it. @default all that are kept */
  readonly limit?: number | undefined
  /** A position that `publish` or `history` gave: what came behind it. */
  readonly since?: LogPosition | undefined
}

/** One entry of a log. */
export interface HistoryEntry {
  readonly offset: number
  readonly event: string
  readonly payload: unknown
  /** When it was published, in wall-clock milliseconds. */
  readonly at: number
}

/** The past of a topic. */
export interface TopicHistory extends LogPosition {
  readonly entries: readonly HistoryEntry[]
  /** False where something behind `since` is gone, or `since` is of another epoch: then the entries are all that are kept. */
  readonly recovered: boolean
}

/** Reads the log: whoever has published on any node finds the entry. */
export async function readPast(
  histories: Histories,
  { topic, declared }: { readonly topic: string; readonly declared: DeclaredHistory },
  options: unknown,
): Promise<TopicHistory> {
  const query = section('options of channels.history', options, ['limit', 'since'])
  const limit = whole('limit', query.limit, MAX_SIZE, 1, MAX_SIZE)
  const since = sinceOf(query.since)
  const page = await histories.read(topic, since?.offset ?? 0, declared)
  if (since === undefined) return pastOf(page, page.entries.slice(-limit), page.offset, true)
  if (!isWhole(page, since))
    return pastOf(await histories.read(topic, 0, declared), undefined, undefined, false)
  const entries = page.entries.slice(0, limit)
  return pastOf(page, entries, since.offset + entries.length, true)
}

/** True where a page has all that came behind a position. */
function isWhole({ epoch, offset, previous, entries }: LogPage, since: LogPosition): boolean {
  const isGood =
    epoch === since.epoch ||
    previous.some((former) => former.epoch === since.epoch && since.offset <= former.offset)
  return isGood && since.offset <= offset && offset - entries.length <= since.offset
}

function pastOf(
  { epoch, offset, entries: all }: LogPage,
  entries: readonly string[] = all,
  last = offset,
  recovered = true,
): TopicHistory {
  const read = entries.flatMap((text, index) => {
    const entry = readEntry(text)
    if (entry === undefined) return []
    const { event, payload, at } = entry
    return [{ offset: last - entries.length + index + 1, event, payload: JSON.parse(payload.text), at }]
  })
  return { epoch, offset, entries: read, recovered }
}

function sinceOf(given: unknown): LogPosition | undefined {
  if (given === undefined) return undefined
  const { epoch, offset } = readFields(given) ?? {}
  if (typeof epoch === 'string' && isCount(offset)) return { epoch, offset }
  return refuseOption('since', 'a position { epoch, offset } that publish or history gave', given)
}
