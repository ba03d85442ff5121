import { isCount, readFields } from '../ground/argument.ts'
import { refuseOption, section, whole } from '../ground/option-checks.ts'
import type { LogPage, LogPosition } from '../pubsub/log.ts'
import { type DeclaredHistory, MAX_SIZE } from './declared.ts'
import { readEntry } from './entry.ts'
import type { Histories } from './histories.ts'
import { writeEpoch } from './token.ts'

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
  /**
   * The place behind these entries, for a client: `from` of the typed client, `$resume` of a join. Whoever has it is told what came since;
   * nothing from before it.
   */
  readonly from: LogPosition
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
  if (since === undefined) return pastOf(topic, page, { entries: page.entries.slice(-limit) })
  if (!isWhole(page, since))
    return pastOf(topic, await histories.read(topic, 0, declared), { recovered: false })
  const entries = page.entries.slice(0, limit)
  return pastOf(topic, page, { entries, last: since.offset + entries.length })
}

/** True where a page has all that came behind a position. */
function isWhole({ epoch, offset, previous, entries }: LogPage, since: LogPosition): boolean {
  const isGood =
    epoch === since.epoch ||
    previous.some((former) => former.epoch === since.epoch && since.offset <= former.offset)
  return isGood && since.offset <= offset && offset - entries.length <= since.offset
}

/** The part of a page that was asked for. */
interface Part {
  readonly entries?: readonly string[]
  /** The offset of the last of them. */
  readonly last?: number
  readonly recovered?: boolean
}

function pastOf(
  topic: string,
  { epoch, offset, key, entries: all }: LogPage,
  { entries = all, last = offset, recovered = true }: Part,
): TopicHistory {
  const read = entries.flatMap((text, index) => {
    const entry = readEntry(text)
    if (entry === undefined) return []
    const { event, payload, at } = entry
    return [{ offset: last - entries.length + index + 1, event, payload: JSON.parse(payload.text), at }]
  })
  const from = { epoch: writeEpoch({ epoch, floor: last, connections: [] }, topic, key), offset: last }
  return { epoch, offset, entries: read, recovered, from }
}

function sinceOf(given: unknown): LogPosition | undefined {
  if (given === undefined) return undefined
  const { epoch, offset } = readFields(given) ?? {}
  if (typeof epoch === 'string' && isCount(offset)) return { epoch, offset }
  return refuseOption('since', 'a position { epoch, offset } that publish or history gave', given)
}
