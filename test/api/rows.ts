import { VALUES } from './values.ts'

/** One function: a call that is right, and which values may stand in the place of each argument. */
export interface Row {
  readonly args: () => readonly unknown[]
  /** For each argument, the names of the values that are right. */
  readonly legal: readonly (readonly string[])[]
  /** The call of the function, where that is not on its handle. */
  readonly call?: (...args: readonly unknown[]) => unknown
  /** Takes back what a call that was right has done. */
  readonly undo?: (result: unknown) => unknown
  /** Calls that are right are not made: they would end what the others need. */
  readonly refusalsOnly?: true
}

/** Why a function has no row. */
export type Unasked = { readonly why: string }

export const NONE: readonly string[] = []
export const ANY: readonly string[] = Object.keys(VALUES)
export const TEXT: readonly string[] = ['the empty string', 'a string of 10,000', 'a lone surrogate']
export const FUNCTION: readonly string[] = ['a function']
export const OPTIONAL: readonly string[] = ['undefined']
export const OBJECT: readonly string[] = ['an object', 'an object without a prototype', 'a proxy']
export const ERROR: readonly string[] = ['an error']
export const JSON_VALUE: readonly string[] = [
  ...TEXT,
  ...OBJECT,
  ...ERROR,
  'null',
  'the number 0',
  '-1',
  'true',
  'an array',
  'a date',
]
/** Arguments with names, none of which anybody looks for. */
export const NO_FIELDS: readonly string[] = [...OPTIONAL, ...OBJECT]

export function row(args: () => readonly unknown[], ...legal: readonly (readonly string[])[]): Row {
  return { args, legal }
}

/** A function without arguments: too many are no harm. */
export const NO_ARGUMENTS: Row = { args: () => [], legal: [] }
export const internal: Unasked = {
  why: 'not for users: its documentation says @internal, or the types do not show it',
}
