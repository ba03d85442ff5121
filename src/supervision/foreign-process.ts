import { promised, settled } from '../ground/foreign.ts'
import { check } from './check.ts'
import type { ExitReason } from './exit-reason.ts'
import type { Process, ProcessDetails } from './process.ts'

// A process may be anybody's. What is asked of it here never throws, and each answer that makes no sense has a meaning.

/**
 * Looks at what a start gave, once.
 *
 * @returns when it ends: its `exited`, as a promise
 * @throws BERYL_ERR_CHILD_SPEC where it is no process, or what its own properties throw
 */
export function exitOf(value: unknown, owner: string): Promise<unknown> {
  const { exited, shutdown, kill } = (value ?? {}) as Partial<Process>
  const ends = promised(exited)
  // Should it be refused, nobody hears of its end.
  ends?.then(undefined, () => {})
  const isProcess = ends !== undefined && typeof shutdown === 'function' && typeof kill === 'function'
  check(isProcess, owner, 'result of start', "a process or 'ignore'", value)
  // A handle that throws would be found out by whoever asks for it.
  void (value as Process).handle
  return ends as Promise<unknown>
}

/** Ends what came too late to be adopted. @returns when it has ended, if it is a process at all */
export async function endLate(late: unknown): Promise<unknown> {
  if (late === 'ignore') return undefined
  const ends = exitOf(late, '')
  await settled((late as Process).kill())
  return ends
}

/** Its handle for others: nothing, where that throws. */
export function handleOf(process: Process): unknown {
  try {
    return process.handle ?? process
  } catch {
    return undefined
  }
}

/** The error behind its exit: nothing, where that throws. */
export function failureOf(process: Process): unknown {
  try {
    return process.failure
  } catch {
    return undefined
  }
}

/** Its own details: nothing, where that throws. */
export function detailsOf(process: Process): ProcessDetails | undefined {
  try {
    const details: unknown = process.inspect?.()
    // An answer that is not plain may be unreadable, and a promise of it may reject.
    if (promised(details)?.catch(() => {}) !== undefined) return undefined
    return isRecord(details) ? fieldsIn(details, DETAILS) : undefined
  } catch {
    return undefined
  }
}

type Check = (value: unknown) => boolean

const isText: Check = (value) => typeof value === 'string'
const isNumber: Check = (value) => typeof value === 'number'

/** The fields of {@link ProcessDetails} beside its children, which may all be absent. */
const DETAILS: readonly (readonly [name: string, isRight: Check])[] = [
  ['note', isText],
  ['omitted', isNumber],
]

/** Those of a {@link TreeNode} that are always there. */
const NODE: typeof DETAILS = [
  ['id', isText],
  ['type', isText],
  ['state', isText],
  ['restarts', isNumber],
  ['abandoned', isNumber],
  ['stillRunning', isNumber],
]

const NODE_MAY_HAVE: typeof DETAILS = [...DETAILS, ['since', isNumber], ['startsInMs', isNumber]]

/** A copy of the fields that are known, and of the children: the whole tree is drawn and written as JSON. @throws where one is wrong */
function fieldsIn(value: Record<string, unknown>, names: typeof DETAILS): Record<string, unknown> {
  const fields: Record<string, unknown> = {}
  for (const [name, isRight] of names) {
    const field = value[name]
    if (field === undefined) continue
    if (!isRight(field)) throw new TypeError(name)
    fields[name] = field
  }
  const { children } = value
  if (children === undefined) return fields
  if (!Array.isArray(children)) throw new TypeError('children')
  return { ...fields, children: children.map(nodeIn) }
}

function nodeIn(value: unknown): Record<string, unknown> {
  if (!isRecord(value)) throw new TypeError('a node')
  const fields = fieldsIn(value, [...NODE, ...NODE_MAY_HAVE])
  for (const [name] of NODE) if (!(name in fields)) throw new TypeError(name)
  return { ...fields, children: fields.children ?? [] }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

/** Reads a reason that somebody gave: what is none is an error. */
export function reasonOf(outcome: unknown, isReason: (value: unknown) => value is ExitReason): ExitReason {
  try {
    return isReason(outcome) ? outcome : { error: outcome }
  } catch (error) {
    return { error }
  }
}
