import { promised } from '../ground/foreign.ts'

interface Refinement {
  check: (value: unknown) => unknown
}

const guarded = new WeakSet<object>()

/**
 * A schema whose checks (`Type.Refine`) answer at once: a promise is truthy, so that an async check would let everything pass, and
 * its rejection would be nobody's. It fails instead, each time.
 *
 * @returns the schema itself, or a copy of one that is frozen, as the setting `immutableTypes` of TypeBox makes them
 */
export function guardChecks<S>(schema: S): S {
  const isFrozen = refinementsIn(schema).some(Object.isFrozen)
  const guardable = isFrozen ? (thawed(schema, new Map()) as S) : schema
  for (const refinement of refinementsIn(guardable)) guardCheck(refinement)
  return guardable
}

function refinementsIn(root: unknown): Refinement[] {
  const found: Refinement[] = []
  const seen = new Set<unknown>()
  const open = [root]
  while (open.length > 0) {
    const node = open.pop()
    if (typeof node !== 'object' || node === null || seen.has(node)) continue
    seen.add(node)
    for (const key of Reflect.ownKeys(node)) {
      const value: unknown = Reflect.getOwnPropertyDescriptor(node, key)?.value
      if (key === '~refine' && Array.isArray(value)) found.push(...value)
      else open.push(value)
    }
  }
  return found
}

function guardCheck(refinement: Refinement): void {
  if (guarded.has(refinement)) return
  guarded.add(refinement)
  const { check } = refinement
  Reflect.set(refinement, 'check', (value: unknown) => {
    const answer = check(value)
    if (typeof answer === 'boolean') return answer
    const later = promised(answer)
    if (later === undefined) return answer
    later.catch(() => {})
    throw new TypeError('a check must answer at once, and this one gave a promise')
  })
}

/** A copy of all that is a plain object or an array, with what TypeBox hides in it. */
function thawed(node: unknown, copies: Map<object, object>): unknown {
  if (typeof node !== 'object' || node === null) return node
  const prototype: unknown = Object.getPrototypeOf(node)
  const isPlain = Array.isArray(node) || prototype === Object.prototype || prototype === null
  if (!isPlain) return node
  const known = copies.get(node)
  if (known !== undefined) return known
  const copy: object = Array.isArray(node) ? [] : Object.create(prototype as object | null)
  copies.set(node, copy)
  for (const key of Reflect.ownKeys(node)) {
    const descriptor = Reflect.getOwnPropertyDescriptor(node, key)
    if (descriptor === undefined || (Array.isArray(node) && key === 'length')) continue
    const value = 'value' in descriptor ? { value: thawed(descriptor.value, copies), writable: true } : {}
    Reflect.defineProperty(copy, key, { ...descriptor, ...value, configurable: true })
  }
  return copy
}
