import { isArrival, type Step } from './transcript.ts'

type Presences = Record<string, { metas: { phx_ref: string }[] }>

interface PresenceFrame {
  readonly event: 'presence_state' | 'presence_diff'
  readonly payload: Presences & { joins: Presences; leaves: Presences }
}

/**
 * Phoenix tracks a joiner, then reads the state: its client gets a diff of itself and a state with itself, in any order.
 * We send the state first.
 */
export function presenceStateFirst(steps: readonly Step[]): readonly Step[] {
  let changed = steps
  for (const step of steps) if (frameOf(step)?.event === 'presence_state') changed = moved(changed, step)
  return changed
}

function moved(steps: readonly Step[], state: Step): readonly Step[] {
  const diff = burst(steps, state).find((step) => isOwnDiff(step, state))
  if (diff === undefined) return steps
  const at = Math.min(steps.indexOf(state), steps.indexOf(diff))
  const others = steps.filter((step) => step !== state && step !== diff)
  return [...others.slice(0, at), state, diff, ...others.slice(at)]
}

/** The arrivals of a step: between the last thing that was done and the next. */
function burst(steps: readonly Step[], step: Step): readonly Step[] {
  const at = steps.indexOf(step)
  const start = steps.findLastIndex((other, index) => index < at && !isArrival(other))
  const end = steps.findIndex((other, index) => index > at && !isArrival(other))
  return steps.slice(start + 1, end === -1 ? undefined : end)
}

function isOwnDiff(step: Step, state: Step): boolean {
  const diff = frameOf(step)
  if (diff?.event !== 'presence_diff' || !('s' in step && 's' in state) || step.s !== state.s) return false
  const known = refsOf((frameOf(state) as PresenceFrame).payload)
  return [...refsOf(diff.payload.joins)].every((ref) => known.has(ref))
}

function refsOf(presences: Presences): Set<string> {
  return new Set(Object.values(presences).flatMap(({ metas }) => metas.map((meta) => meta.phx_ref)))
}

function frameOf(step: Step): PresenceFrame | undefined {
  if (step.t !== 'recv' || !('text' in step) || !step.text.includes('"presence_')) return undefined
  const json = JSON.parse(step.text)
  return Array.isArray(json) ? { event: json[3], payload: json[4] } : json
}
