import { readFields } from './argument.ts'
import { berylError, show } from './errors.ts'
import { Rate, type RateOptions } from './rate.ts'

// One function for each kind of value that an option may have. Each refuses with the field, what was wanted and what came.

export type Fields = Readonly<Record<string, unknown>>

/** A limit, or `false` (or 0) for none. */
export type Limit = number | false

/** A limit of how often, or `false` for none. */
export type RateLimit = RateOptions | false

export function section(field: string, value: unknown, allowed: readonly string[]): Fields {
  if (value === undefined) return {}
  const fields = readFields(value) ?? refuseOption(field, `an object with ${allowed.join(', ')}`, value)
  for (const key of Object.keys(fields)) {
    if (!allowed.includes(key))
      refuseOption(field === 'options' ? key : `${field}.${key}`, `one of ${allowed.join(', ')}`, key)
  }
  return fields
}

export function flag(field: string, value: unknown, byDefault: boolean): boolean {
  if (value === undefined) return byDefault
  return typeof value === 'boolean' ? value : refuseOption(field, 'a boolean', value)
}

export function fn<F extends (...args: never[]) => unknown>(field: string, value: unknown): F | undefined {
  if (value === undefined || isFunction<F>(value)) return value
  return refuseOption(field, 'a function', value)
}

/** A function. Its signature is taken on trust, as nothing at run time tells it. */
export function isFunction<F extends (...args: never[]) => unknown>(value: unknown): value is F {
  return typeof value === 'function'
}

export function whole(
  field: string,
  value: unknown,
  byDefault: number,
  min: number,
  max = Number.MAX_SAFE_INTEGER,
): number {
  if (value === undefined) return byDefault
  if (isWhole(value) && value >= min && value <= max) return value
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`
  return refuseOption(field, `a whole number ${range}`, value)
}

export function limit(field: string, value: unknown, byDefault: number): number {
  if (value === false || value === 0) return Number.POSITIVE_INFINITY
  if (value === undefined) return byDefault
  if (isWhole(value) && value > 0) return value
  return refuseOption(field, 'a whole number above 0, or false for no limit', value)
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value)
}

export function list<T>(
  field: string,
  value: unknown,
  wanted: string,
  is: (item: unknown) => item is T,
): readonly T[] {
  if (value === undefined) return []
  if (!isArray(value)) return refuseOption(field, `an array, each item ${wanted}`, value)
  const items = [...value]
  if (items.every(is)) return Object.freeze(items)
  const wrong = items.findIndex((item) => !is(item))
  return refuseOption(`${field}[${wrong}]`, wanted, items[wrong])
}

function isArray(value: unknown): value is readonly unknown[] {
  try {
    return Array.isArray(value)
  } catch {
    // A proxy that was revoked.
    return false
  }
}

export function isObject(value: unknown): value is Fields {
  try {
    return typeof value === 'object' && value !== null && !Array.isArray(value)
  } catch {
    // A proxy that was revoked.
    return false
  }
}

export function refuseOption(field: string, wanted: string, got: unknown): never {
  throw berylError('BERYL_ERR_OPTION_INVALID', field, wanted, show(got))
}

/** Several limits of one section, each with its default. */
export function limitsIn<K extends string>(
  field: string,
  given: Fields,
  defaults: Readonly<Record<K, number>>,
): Record<K, number> {
  const limits: Record<K, number> = { ...defaults }
  for (const name in limits) limits[name] = limit(`${field}.${name}`, given[name], defaults[name])
  return limits
}

export function rate(field: string, value: unknown, byDefault: RateOptions | undefined): Rate | undefined {
  if (value === false || value === 0) return undefined
  if (value === undefined) return byDefault && new Rate(byDefault)
  const { perSecond, burst } = section(field, value, ['perSecond', 'burst'])
  if (!isFiniteNumber(perSecond) || perSecond <= 0) {
    return refuseOption(`${field}.perSecond`, 'a number above 0', perSecond)
  }
  if (burst === undefined) return new Rate({ perSecond })
  if (isFiniteNumber(burst) && burst >= 1) return new Rate({ perSecond, burst })
  return refuseOption(`${field}.burst`, 'a number of at least 1', burst)
}

function isFiniteNumber(value: unknown): value is number {
  return Number.isFinite(value)
}
