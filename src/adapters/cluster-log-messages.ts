import type { LogLimits, LogPage, LogPosition } from '../pubsub/log.ts'
import type { NewEntry } from './driver.ts'

/** A question about the log of a topic, from a node to the primary. */
export type LogAsk =
  | (Numbered & {
      readonly call: 'append'
      readonly topic: string
      readonly entries: readonly NewEntry[]
      readonly limits: LogLimits
    })
  | (Numbered & {
      readonly call: 'read'
      readonly topic: string
      readonly after: number
      readonly limits: LogLimits
    })
  | (Numbered & { readonly call: 'forget'; readonly topic: string })

/** The answer of the primary. */
export interface LogAnswer extends Numbered {
  /** Of the entries, one each. */
  readonly positions?: readonly LogPosition[]
  readonly page?: LogPage
  /** Nothing was done, and why. */
  readonly refused?: string
  /** All logs together had as many bytes as they may: some are gone. */
  readonly isFull?: boolean
}

/** Answers have the number of their question, which is the node's. */
interface Numbered {
  readonly number: number
}

/** Bytes on the channel, roughly. */
export function costOfAsk(ask: LogAsk): number {
  const entries = ask.call === 'append' ? ask.entries : []
  return entries.reduce((sum, { text, id = '' }) => sum + textCost(text) + textCost(id), 64)
}

/** As {@link costOfAsk}. */
export function costOfAnswer({ page }: LogAnswer): number {
  return (page?.entries ?? []).reduce((sum, text) => sum + textCost(text), 64)
}

function textCost(text: string): number {
  return text.length + 8
}

export function isAsk(value: unknown): value is LogAsk {
  if (!isFields(value) || typeof value.number !== 'number' || typeof value.topic !== 'string') return false
  if (value.call === 'forget') return true
  if (!areLimits(value.limits)) return false
  if (value.call === 'read') return Number.isSafeInteger(value.after)
  return value.call === 'append' && Array.isArray(value.entries) && value.entries.every(isEntry)
}

export function isAnswer(value: unknown): value is LogAnswer {
  return isFields(value) && typeof value.number === 'number'
}

function areLimits(value: unknown): boolean {
  return isFields(value) && isPositive(value.size) && isPositive(value.ttlMs)
}

function isPositive(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) > 0
}

function isEntry(value: unknown): boolean {
  return (
    isFields(value) &&
    typeof value.text === 'string' &&
    (value.id === undefined || typeof value.id === 'string')
  )
}

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
