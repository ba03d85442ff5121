import { readFields } from './argument.ts'
import { berylError, show } from './errors.ts'
import { Rate, type RateOptions } from './rate.ts'

// One function for each kind of value that an option may have. Each refuses with the field, what was wanted and what came.

export type Fields = Readonly<Record<string, unknown>>

export function section(field: string, value: unknown, allowed: readonly string[]): Fields {
  if (value === undefined) return {}
  const fields = readFields(value) ?? refuseOption(field, 'an object', value)
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

export function fn(field: string, value: unknown): ((...args: never[]) => unknown) | undefined {
  if (value === undefined || typeof value === 'function') return value as undefined
  return refuseOption(field, 'a function', value)
}

export function whole(
  field: string,
  value: unknown,
  byDefault: number,
  min: number,
  max = Number.MAX_SAFE_INTEGER,
): number {
  if (value === undefined) return byDefault
  if (Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max)
    return value as number
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`
  return refuseOption(field, `a whole number ${range}`, value)
}

export function limit(field: string, value: unknown, byDefault: number): number {
  if (value === false || value === 0) return Number.POSITIVE_INFINITY
  if (value === undefined) return byDefault
  if (Number.isSafeInteger(value) && (value as number) > 0) return value as number
  return refuseOption(field, 'a whole number above 0, or false for no limit', value)
}

export function list<T>(
  field: string,
  value: unknown,
  wanted: string,
  is: (item: unknown) => boolean,
): readonly T[] {
  if (value === undefined) return []
  if (!isArray(value)) return refuseOption(field, `an array: ${wanted}`, value)
  const wrong = value.findIndex((item) => !is(item))
  if (wrong !== -1) return refuseOption(`${field}[${wrong}]`, wanted, value[wrong])
  return Object.freeze([...value])
}

function isArray(value: unknown): value is never[] {
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
  const entries = Object.entries<number>(defaults)
  return Object.fromEntries(
    entries.map(([name, byDefault]) => [name, limit(`${field}.${name}`, given[name], byDefault)]),
  ) as Record<K, number>
}

export function rate(field: string, value: unknown, byDefault: RateOptions | undefined): Rate | undefined {
  if (value === false || value === 0 || (value === undefined && byDefault === undefined)) return undefined
  if (value === undefined) return new Rate(byDefault as RateOptions)
  const { perSecond, burst } = section(field, value, ['perSecond', 'burst'])
  if (!Number.isFinite(perSecond) || !((perSecond as number) > 0)) {
    return refuseOption(`${field}.perSecond`, 'a number above 0', perSecond)
  }
  if (burst !== undefined && !(Number.isFinite(burst) && (burst as number) >= 1)) {
    return refuseOption(`${field}.burst`, 'a number of at least 1', burst)
  }
  return new Rate((burst === undefined ? { perSecond } : { perSecond, burst }) as RateOptions)
}
