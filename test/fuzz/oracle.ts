import { isUtf8 } from 'node:buffer'
import type { Sent, Version } from './messages.ts'

/** A message as the protocol's page defines it, found without the library's help. */
export interface Understood {
  /** As JSON text: refs may be anything. */
  readonly ref: string
  readonly topic: unknown
  readonly event: unknown
}

const MAX_DEPTH = 500

/**
 * The meaning of a message; `undefined` where the connection must be closed for it. Slow and plain: another way to the same
 * answer.
 */
export function understand({ data, isBinary }: Sent, version: Version): Understood | undefined {
  if (isBinary && version === '2.0.0') return understandBinary(data)
  const text = data.toString()
  if ((!isBinary && !isUtf8(data)) || text.startsWith('\ufeff')) return undefined
  const value = parse(text)
  const fields = version === '2.0.0' ? arrayFields(value) : mapFields(value)
  if (fields === undefined || isPoisoned(value)) return undefined
  const { joinRef, ref, topic, event } = fields
  const isHeadNested = [joinRef, ref, topic, event].some(
    (field) => typeof field === 'object' && field !== null,
  )
  // An echo may not be deep; a payload that is has its own answer.
  if (isHeadNested && depthOf(text) > MAX_DEPTH) return undefined
  return { ref: JSON.stringify(ref), topic, event }
}

interface Fields {
  readonly joinRef: unknown
  readonly ref: unknown
  readonly topic: unknown
  readonly event: unknown
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function arrayFields(value: unknown): Fields | undefined {
  if (!Array.isArray(value) || value.length < 5) return undefined
  const [joinRef, ref, topic, event] = value
  return { joinRef, ref, topic, event }
}

function mapFields(value: unknown): Fields | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  if (!['topic', 'event', 'payload', 'ref'].every((field) => Object.hasOwn(value, field))) return undefined
  const { topic, event, ref, join_ref: joinRef = null } = value as Record<string, unknown>
  return { joinRef, ref, topic, event }
}

/** Keys that would reach a prototype, and halves of surrogate pairs, anywhere. */
function isPoisoned(root: unknown): boolean {
  const open: unknown[] = [root]
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    if (typeof value === 'string' && hasLoneSurrogate(value)) return true
    if (typeof value !== 'object' || value === null) continue
    if (Object.hasOwn(value, '__proto__') || reachesPrototype(value)) return true
    if (Object.keys(value).some(hasLoneSurrogate)) return true
    open.push(...Object.values(value))
  }
  return false
}

function reachesPrototype(value: object): boolean {
  if (!Object.hasOwn(value, 'constructor')) return false
  const maker: unknown = value.constructor
  return typeof maker === 'object' && maker !== null && Object.hasOwn(maker, 'prototype')
}

function hasLoneSurrogate(text: string): boolean {
  return Buffer.from(text).toString() !== text
}

function depthOf(text: string): number {
  let depth = 0
  let deepest = 0
  for (const [mark] of text.replace(/"(?:\\.|[^"\\])*"/gs, '').matchAll(/[[\]{}]/g)) {
    depth += mark === '[' || mark === '{' ? 1 : -1
    deepest = Math.max(deepest, depth)
  }
  return deepest
}

/** `00 |join_ref| |ref| |topic| |event| join_ref ref topic event data` */
function understandBinary(data: Buffer): Understood | undefined {
  const [kind, ...lengths] = data.subarray(0, 5)
  if (kind !== 0 || lengths.length < 4) return undefined
  let at = 5
  const names: string[] = []
  for (const length of lengths) {
    const bytes = data.subarray(at, at + length)
    if (bytes.length < length || !isUtf8(bytes)) return undefined
    names.push(bytes.toString())
    at += length
  }
  const [, ref, topic, event] = names
  return { ref: JSON.stringify(ref), topic, event }
}
