import { readFields } from '../ground/argument.ts'

/** A value of JSON. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject

export interface JsonObject {
  readonly [key: string]: Json
}

/** A copy of what JSON can carry of a value; `undefined` where it can carry nothing of it. */
export function copyJson(value: unknown): Json | undefined {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined
  if (Array.isArray(value)) return value.map((item) => copyJson(item) ?? null)
  const fields = readFields(value)
  return fields && mapFields(fields, copyJson)
}

/** An object with each field as `map` gives it, in the same order; without those of which it gives nothing. */
export function mapFields(
  fields: Readonly<Record<string, unknown>>,
  map: (value: unknown, key: string) => Json | undefined,
): JsonObject {
  const entries = Object.entries(fields).map(([key, value]) => [key, map(value, key)] as const)
  // From entries: a key may be named like a setter of every object.
  return Object.fromEntries(
    entries.filter((entry): entry is readonly [string, Json] => entry[1] !== undefined),
  )
}

export function isJsonObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
