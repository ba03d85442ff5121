import { isUint8Array } from 'node:util/types'
import { isAnswer, isAsk, type LogAnswer, type LogAsk } from './cluster-log-messages.ts'

/** One for each peer and turn, from a node in a worker to the primary. Others pass over the same channel: the mark tells ours. */
export interface ToPrimary {
  readonly beryl: 1
  readonly from: string
  /** A node may begin anew over the same channel: what is of its former link is passed by. */
  readonly link: number
  readonly hello?: boolean
  readonly bye?: boolean
  readonly subscribe?: readonly string[]
  readonly unsubscribe?: readonly string[]
  readonly messages?: readonly Relayed[]
  /** Questions about logs, in the order in which they are dealt with. */
  readonly asks?: readonly LogAsk[]
  /** Answered when all of this, and of what came before, is done. */
  readonly ask?: number
  /** Gives credit back: so much of what came has been delivered. */
  readonly taken?: number
}

/** The opposite, from the primary to a node. */
export interface ToNode {
  readonly beryl: 1
  readonly to: string
  readonly link: number
  readonly messages?: readonly Relayed[]
  readonly answers?: readonly LogAnswer[]
  readonly answered?: number
  readonly taken?: number
  /** Messages that were for this node, and for which it had no credit. */
  readonly lost?: number
}

export type Relayed = readonly [topic: string, bytes: Uint8Array]

/** Credit that a message takes: its bytes, and room for what stands around them. */
export function costOf([topic, bytes]: Relayed): number {
  return bytes.byteLength + 2 * topic.length + 64
}

/** Credit is given back in portions of this size, or with whatever else is told. */
export const PORTION = 256 * 1_024

/** `undefined` for what is not ours. Where the primary is a process manager's, others talk on this channel. */
export function toPrimary(message: unknown): ToPrimary | undefined {
  return isOurs<ToPrimary>(message, 'from', ['ask', 'taken']) ? message : undefined
}

export function toNode(message: unknown): ToNode | undefined {
  return isOurs<ToNode>(message, 'to', ['answered', 'taken', 'lost']) ? message : undefined
}

function isOurs<M extends ToPrimary | ToNode>(
  message: unknown,
  name: keyof M & ('from' | 'to'),
  numbers: readonly (keyof M & string)[],
): message is M {
  if (typeof message !== 'object' || message === null) return false
  const fields = message as Record<string, unknown>
  return (
    fields.beryl === 1 &&
    typeof fields[name] === 'string' &&
    typeof fields.link === 'number' &&
    numbers.every((field) => fields[field] === undefined || typeof fields[field] === 'number') &&
    isListOf(fields.messages, isRelayed) &&
    isListOf(fields.asks, isAsk) &&
    isListOf(fields.answers, isAnswer) &&
    isListOf(fields.subscribe, isText) &&
    isListOf(fields.unsubscribe, isText)
  )
}

function isListOf(value: unknown, is: (item: unknown) => boolean): boolean {
  return value === undefined || (Array.isArray(value) && value.every(is))
}

function isText(value: unknown): boolean {
  return typeof value === 'string'
}

/** JSON, which is how workers talk by default, makes something else of bytes. */
function isRelayed(value: unknown): boolean {
  return Array.isArray(value) && typeof value[0] === 'string' && isUint8Array(value[1])
}
