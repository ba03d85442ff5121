import { promised } from '../ground/foreign.ts'

interface Refinement {
  check: (value: unknown) => unknown
}

const guarded = new WeakSet<object>()

/**
 * Makes the checks of a schema (`Type.Refine`) answer at once: a promise is truthy, so that an async check would let
 * everything pass, and its rejection would be nobody's. It fails instead, each time.
 */
export function guardChecks(schema: unknown): void {
  const open = [schema]
  while (open.length > 0) {
    const node = open.pop()
    if (typeof node !== 'object' || node === null || guarded.has(node)) continue
    guarded.add(node)
    for (const key of Reflect.ownKeys(node)) {
      const value: unknown = Reflect.getOwnPropertyDescriptor(node, key)?.value
      if (key === '~refine' && Array.isArray(value)) for (const refinement of value) guardCheck(refinement)
      else open.push(value)
    }
  }
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
