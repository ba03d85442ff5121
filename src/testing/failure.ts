import { AssertionError } from 'node:assert'
import { inspect } from 'node:util'

/** An expectation that failed. Test runners show it like any failed assertion. */
export interface FailureInit {
  readonly operator: string
  /** The first line: what was expected, or what came that should not have. */
  readonly summary: string
  /** The arrivals instead, one line each. */
  readonly instead: readonly string[]
  readonly expected: unknown
  readonly actual: unknown
  /** The error of a callback of the application, where there was one. */
  readonly cause: unknown
}

export function failure({
  operator,
  summary,
  instead,
  expected,
  actual,
  cause,
}: FailureInit): AssertionError {
  const lines = instead.length === 0 ? ['nothing came instead'] : ['what came instead:', ...instead]
  const crash = cause === undefined ? [] : [`a callback failed: ${inspectShort(cause)}`]
  const message = [summary, ...lines.map((line, index) => (index === 0 ? line : `  ${line}`)), ...crash].join(
    '\n',
  )
  const error = new AssertionError({ message, operator, expected, actual })
  if (cause !== undefined) error.cause = cause
  return error
}

const MAX_CHARACTERS = 300

/** Shows a value on one line. */
export function inspectShort(value: unknown): string {
  if (value instanceof Error) return `${value.name}: ${value.message}`
  const text = inspect(value, { depth: 6, breakLength: Number.POSITIVE_INFINITY, compact: true })
  return text.length > MAX_CHARACTERS ? `${text.slice(0, MAX_CHARACTERS)}…` : text
}
